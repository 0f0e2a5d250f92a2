#include "core/io/file.h"
#include "core/io/safetensors.h"
#include "models/swin/config.h"
#include "tests/fuzz/targets.h"
#include "tests/support/source_directory.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/toy_model.h"
#include "train/loop/checkpoint.h"
#include "train/loop/recipe.h"
#include "train/program/images/image_file.h"

#include <functional>

namespace swingrad::fuzz {
namespace {

using test::fixtures;
using test::TemporaryDirectory;

std::string written(const std::function<void(const std::filesystem::path&)>& write) {
    const TemporaryDirectory directory;
    write(directory / "file");
    return read_file(directory / "file");
}

std::vector<std::string> of_safetensors() {
    return {read_file(fixtures() / "every_dtype.safetensors"),
            written([](auto& path) { write_safetensors(path, {}, {}); }), written([](auto& path) {
                write_safetensors(path, {{"a", Tensor::zeros({2, 3})}, {"b", Tensor::zeros({}, DType::int64)}},
                                  {{"key", "value \"quoted\" \u00e9"}});
            })};
}

std::vector<std::string> of_checkpoint() {
    test::ToyModel model;
    const Parameters parameters(model, DType::float32, Random{.seed = 3});
    std::vector<std::string> all{written([&](auto& path) { save_weights(path, parameters); })};
    for (const bool adamw : {true, false}) {
        const auto optimiser = adamw ? make_adamw(parameters, {}) : make_sgd(parameters, {});
        optimiser->set_steps(17);
        all.push_back(written([&](auto& path) {
            save_checkpoint(path, parameters, *optimiser, {{"epoch", 3}, {"seed", 0}});
        }));
    }
    return all;
}

std::vector<std::string> of_cifar() {
    const std::string ten(1, 0), hundred(1, 1), names(1, 2), pixels(3072, 'p');
    return {ten + '\7' + pixels,
            ten + '\7' + pixels + '\3' + pixels,
            ten + '\12' + pixels,
            hundred + "\1\143" + pixels,
            hundred + "\1\143" + pixels.substr(1),
            names + "a b c d e f g h i j",
            names + "a\nb"};
}

std::vector<std::string> of_image() {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(fixtures() / "images"))
        all.push_back(read_file(entry.path()));
    all.push_back(written([](auto& path) { write_png(path, Tensor::zeros({3, 2, 3}, DType::uint8)); }));
    return all;
}

std::vector<std::string> of_config() {
    std::vector<std::string> all{to_json(Recipe{}).dump(), R"({"epochs": 2, "batch_size": 8, "lr": 1e-3})",
                                 R"({"architecture": "swin", "depths": [1, 2], "num_heads": [2, 4], "window_size": 4})",
                                 R"({"img_size": [32, 64], "depths": [2], "num_heads": [3], "window_size": [[4, 8]]})"};
    for (const char* name : {"nano", "huge"}) all.push_back(config_to_json(named_config(name)).dump());
    return all;
}

}  // namespace

std::vector<std::string> seeds(const std::string& target) {
    if (target == "safetensors") return of_safetensors();
    if (target == "checkpoint") return of_checkpoint();
    if (target == "cifar") return of_cifar();
    if (target == "image") return of_image();
    if (target == "config") return of_config();
    throw Broken("no seeds for " + target);
}

}  // namespace swingrad::fuzz

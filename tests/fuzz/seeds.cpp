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
#include "train/program/run/run_folder.h"

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

// Without its checksum, which would refuse whatever is changed before anything else looks at it.
std::string unchecked(std::string file) {
    const std::string name = "swingrad.checksum";
    return file.replace(file.find(name), name.size(), "no such checksum.");
}

std::vector<std::string> of_safetensors() {
    return {read_file(fixtures() / "every_dtype.safetensors"),
            written([](auto& path) { write_safetensors(path, {}, {}); }), unchecked(written([](auto& path) {
                write_safetensors(path, {{"a", Tensor::zeros({2, 3})}, {"b", Tensor::zeros({}, DType::int64)}},
                                  {{"key", "value \"quoted\" \u00e9"}});
            }))};
}

std::vector<std::string> of_checkpoint() {
    test::ToyModel model;
    const Parameters parameters(model, DType::float32, Random{.seed = 3});
    std::vector<std::string> all{unchecked(written([&](auto& path) { save_weights(path, parameters); }))};
    for (const bool adamw : {true, false}) {
        const auto optimiser = adamw ? make_adamw(parameters, {}) : make_sgd(parameters, {});
        optimiser->set_steps(17);
        all.push_back(written([&](auto& path) {
            save_checkpoint(path, parameters, *optimiser, {{"epoch", 3}, {"seed", 0}});
        }));
        all.push_back(unchecked(all.back()));
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

std::vector<std::string> of_run_config() {
    RunConfig config;
    config.recipe.img_size = 16;
    config.model = model_of(config.recipe, 2);
    config.classes = {"cat", "dog \u00e9"};
    config.training_images = 7;
    return {to_json(config).dump(), to_json(config).dump(2)};
}

std::vector<std::string> of_run_log() {
    return {"{\"epoch\":1,\"train_loss\":2.5,\"validation_accuracy\":10}\n{\"epoch\":2,\"train_loss\":null}\n",
            "{\"epoch\":1,\"gradient_norm\":2.5e307,\"learning_rate\":0}\n{\"test_loss\":1}\nhalf a li"};
}

std::vector<std::string> of_cells() {
    return {"[]", R"([{"configuration":{"seed":1},"result":{"loss":null},"seconds":2.5}])"};
}

std::vector<std::string> of_names() {
    return {
        "patch_embed.proj.weight\nhead.weight\nlayers.0.downsample.norm.bias\nlayers.0.blocks.0.attn.rpe_mlp.0.bias",
        "module.features.0.0.weight\nmodule.features.3.1.attn.qkv.bias\nmodule.features.3.1.attn.logit_scale\nhead."
        "bias",
        "swinv2.embeddings.patch_embeddings.projection.weight\nswinv2.encoder.layers.0.blocks.0.attention.self."
        "query.bias\nswinv2.encoder.layers.0.blocks.0.attention.self.value.bias\nclassifier.bias"};
}

}  // namespace

std::vector<std::string> seeds(const std::string& target) {
    if (target == "safetensors") return of_safetensors();
    if (target == "checkpoint") return of_checkpoint();
    if (target == "cifar") return of_cifar();
    if (target == "image") return of_image();
    if (target == "config") return of_config();
    if (target == "run_config") return of_run_config();
    if (target == "run_log") return of_run_log();
    if (target == "cells") return of_cells();
    if (target == "names") return of_names();
    throw Broken("no seeds for " + target);
}

}  // namespace swingrad::fuzz

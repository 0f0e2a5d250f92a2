// Segmentation as the program does it: files of masks, a run on every device, windows that slide.

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "models/nn/layers.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/trainer.h"
#include "train/program/images/data_source.h"
#include "train/program/images/image_file.h"
#include "train/program/report/log_table.h"
#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"
#include "train/program/tasks/overlay.h"
#include "train/program/tasks/sliding_window.h"
#include "train/program/tasks/task.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

namespace fs = std::filesystem;

// Pairs of a split: left and right halves of another brightness, the darker one class 0; the border between them moves.
void write_pairs(const fs::path& split, int n, Extent extent = {16, 16}) {
    fs::create_directories(split / "images");
    fs::create_directories(split / "masks");
    for (int i = 0; i < n; ++i) {
        const Tensor picture = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
        const Tensor mask = Tensor::empty({extent.rows, extent.columns}, DType::uint8);
        for (int64_t p = 0; p < mask.numel(); ++p) {
            const bool right = p % extent.columns >= 4 + i % 8;
            mask.data<uint8_t>()[p] = right ? 1 : 0;
            for (int64_t channel = 0; channel < 3; ++channel)
                picture.data<uint8_t>()[p * 3 + channel] = right ? 220 : 30;
        }
        write_png(split / "images" / fmt::format("{}.png", i), picture);
        write_png(split / "masks" / fmt::format("{}.png", i), mask);
    }
}

Dataset loaded(const fs::path& directory, Split split = Split::train) {
    LoadOptions options{{16, 16}};
    options.any_size = options.masks = true;
    return load_dataset(parse_data_source("folder:" + directory.string()), split, options);
}

std::string problem_of(const fs::path& directory, Split split = Split::train) {
    return error_of([&] { loaded(directory, split); });
}

void write_mask(const fs::path& path, const Shape& shape, uint8_t value) {
    const Tensor mask = Tensor::empty(shape, DType::uint8);
    for (uint8_t& one : mask.span<uint8_t>()) one = value;
    write_png(path, mask);
}

SwinRecipe tiny_recipe(const fs::path& data) {
    SwinRecipe recipe;
    recipe.data = "folder:" + data.string();
    recipe.task = "segmentation";
    recipe.img_size = 16;
    recipe.model_args = {{"embed_dim", 8}, {"depths", {1, 1}}, {"num_heads", {1, 2}}, {"patch_size", 2}};
    recipe.batch_size = 4;
    recipe.epochs = 20;
    recipe.warmup_epochs = 0;
    recipe.lr = 5e-3;
    recipe.validation = 0.25;
    recipe.head_width = 8;
    return recipe;
}

}  // namespace

TEST_CASE("a mask's numbers are read as they are, of grey and of a palette, and nothing else is a mask") {
    const Tensor mask = read_mask(fixtures() / "images" / "mask_palette.png");
    REQUIRE(mask.shape() == Shape{3, 5});
    REQUIRE(mask.values() == std::vector<double>{0, 1, 2, 3, 0, 1, 1, 1, 2, 2, 3, 3, 3, 0, 0});
    REQUIRE(contains(error_of([] { read_mask(fixtures() / "images" / "rgba16.png"); }), "8-bit grey or palette"));
    REQUIRE(contains(error_of([] { read_mask(fixtures() / "images" / "colour.jpg"); }), "must be a PNG file"));
}

TEST_CASE("pairs of images and masks are read by their names, and classes counted or named") {
    const TemporaryDirectory directory;
    write_pairs(directory / "train", 4);
    write_pairs(directory / "test", 2);
    Dataset data = loaded(directory.path());
    REQUIRE(data.size() == 4);
    REQUIRE(data.classes == std::vector<std::string>{"class 0", "class 1"});
    REQUIRE(data.masks->read(2).values()[5] == 0);
    REQUIRE(data.masks->read(2).values()[6] == 1);
    REQUIRE(loaded(directory.path(), Split::test).classes.size() == 2);
    write_file_atomically(directory / "classes.txt", "dark\nlight\nnone\n");
    REQUIRE(loaded(directory.path()).classes == std::vector<std::string>{"dark", "light", "none"});
}

TEST_CASE("what is wrong with a folder of masks is said in one line that names it") {
    const TemporaryDirectory directory;
    const fs::path& top = directory.path();
    const fs::path train = top / "train";
    write_pairs(train, 3);
    write_pairs(top / "val", 1);
    const auto masks = [&](const std::string& name) { return train / "masks" / name; };

    write_mask(masks("1.png"), {16, 15}, 0);
    REQUIRE(problem_of(top) == fmt::format("[masks] {} is 16 x 15 pixels, its image 16 x 16", masks("1.png").string()));
    write_mask(masks("1.png"), {16, 16}, 0);
    write_mask(top / "val" / "masks" / "0.png", {16, 16}, 2);
    REQUIRE(problem_of(top, Split::validation) ==
            fmt::format("[masks] {} has class 2, expected 0 to 1, or 255 for none",
                        (top / "val" / "masks" / "0.png").string()));
    write_mask(top / "val" / "masks" / "0.png", {16, 16}, 255);
    REQUIRE_NOTHROW(loaded(top, Split::validation));

    fs::rename(masks("2.png"), masks("two.png"));
    REQUIRE(problem_of(top) ==
            fmt::format("[masks] {} has no mask {}", (train / "images" / "2.png").string(), masks("2.png").string()));
    fs::rename(train / "images" / "2.png", train / "2.png");
    REQUIRE(problem_of(top) ==
            fmt::format("[masks] {} has no image in {}", masks("two.png").string(), (train / "images").string()));
    fs::remove(masks("two.png"));
    fs::remove_all(top / "val");
    for (const char* name : {"0.png", "1.png"}) fs::remove(train / "images" / name), fs::remove(masks(name));
    REQUIRE(problem_of(top) == fmt::format("[masks] {}: no pairs of an image and a mask", train.string()));
    fs::remove_all(train / "masks");
    REQUIRE(contains(problem_of(top), "images/ and masks/ are needed"));
    REQUIRE(contains(error_of([&] {
                         LoadOptions options;
                         options.any_size = options.masks = true;
                         load_dataset(parse_data_source("cifar10:" + top.string()), Split::train, options);
                     }),
                     "cifar10 has no masks"));
}

TEST_CASE("a run of segmentation learns, and logs and reports its IoU") {
    const TemporaryDirectory directory;
    write_pairs(directory / "train", 24);
    write_pairs(directory / "test", 4);
    struct {
        const char *name, *device, *precision, *head;
    } const cases[] = {{"cpu", "cpu", "f32", "sum"},
                       {"bf16", "cpu", "bf16", "uper"},
                       {"device", "emulated", "f32", "uper"},
                       {"device-bf16", "emulated", "bf16", "sum"}};
    for (const auto& [name, device, precision, head] : cases) {
        INFO(name);
        SwinRecipe recipe = tiny_recipe(directory.path());
        recipe.device = device, recipe.precision = precision, recipe.head = head;
        const fs::path whole = directory / (std::string(name) + "-whole"),
                       parts = directory / (std::string(name) + "-parts");
        REQUIRE(start_run(recipe, whole) == 0);
        const LogTable log = read_log(RunFolder{whole}.log());
        REQUIRE(log.epochs.size() == 20);
        const std::vector<double> iou = log.column("validation_mean_iou");
        REQUIRE(iou.back() > 60);
        REQUIRE(log.epochs.back()["validation_iou"].size() == 2);
        REQUIRE(log.test["test_mean_iou"].get<double>() > 60);
        REQUIRE_FALSE(log.has("train_accuracy"));  // of pixels that are to be ignored too, it would say nothing
        REQUIRE(contains(read_file(RunFolder{whole}.report()), "Classes of pixels"));
    }
}

namespace {

// The weights after six steps, saved and loaded by another trainer in between where that is asked for.
std::vector<double> trained(const SwinRecipe& recipe, const Dataset& data, const fs::path& between) {
    const Task& task = task_named(recipe.task);
    const Normalisation normalisation = normalisation_of("folder");
    const std::unique_ptr<Samples> samples = task.to_train(data, recipe, normalisation);
    const auto made = [&] { return task.model(recipe, model_of(recipe, 2)); };
    const std::unique_ptr<Module> first_model = made(), second_model = made();
    Trainer first(recipe, *first_model, *samples, task.loss_of_training(recipe));
    const auto steps = [&](Trainer& trainer, int count) {
        for (int i = 0; i < count; ++i) {
            trainer.step();
            if (trainer.epoch_done()) trainer.settle(), trainer.begin_next_epoch();
        }
        trainer.settle();
        return trainer.parameters().values().on_cpu().values();
    };
    if (between.empty()) return steps(first, 6);
    steps(first, 3);
    first.save(between);
    Trainer second(recipe, *second_model, *samples, task.loss_of_training(recipe));
    second.load(between);
    return steps(second, 3);
}

}  // namespace

TEST_CASE("segmentation gives the same bits when it is resumed, on either device and in bfloat16") {
    const TemporaryDirectory directory;
    write_pairs(directory / "train", 16);
    const Dataset data = loaded(directory.path());
    for (const char* device : {"cpu", "emulated"})
        for (const char* precision : {"f32", "bf16"})
            for (const char* head : {"sum", "uper"}) {
                INFO(device << " " << precision << " " << head);
                SwinRecipe recipe = tiny_recipe(directory.path());
                recipe.device = device, recipe.precision = precision, recipe.head = head;
                recipe.train_crop_mode = "rrc";
                REQUIRE(trained(recipe, data, {}) == trained(recipe, data, directory / "between.safetensors"));
            }
}

TEST_CASE("windows slide over all of a picture and end at its end") {
    REQUIRE(window_starts(10, 16) == std::vector<int64_t>{0});
    REQUIRE(window_starts(16, 16) == std::vector<int64_t>{0});
    REQUIRE(window_starts(17, 16) == std::vector<int64_t>{0, 1});
    REQUIRE(window_starts(40, 16) == std::vector<int64_t>{0, 10, 20, 24});
    REQUIRE(window_starts(3, 1) == std::vector<int64_t>{0, 1, 2});
}

namespace {

// A model that says of each pixel how bright it is, and how dark.
struct Brightness final : Module {
    Linear scale{3, 2};
    Brightness() { declare("scale", scale); }
    Tensor forward(const Tensor& x) const override { return scale.forward(x); }
};

}  // namespace

TEST_CASE("a picture of any size gets a logit a pixel, as if the model had seen it whole") {
    Brightness model;
    const Parameters parameters(model, DType::float32, Random{4});
    const PictureInput input{{8, 8}, {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}}, {}};
    for (const Extent extent : {Extent{8, 8}, Extent{5, 20}, Extent{21, 9}}) {
        const Tensor picture = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
        for (int64_t i = 0; i < picture.numel(); ++i)
            picture.data<uint8_t>()[i] = static_cast<uint8_t>(Random{6}.below(static_cast<uint64_t>(i), 256));
        const Tensor logits = logits_of_pixels(model, parameters, input, picture);
        REQUIRE(logits.shape() == Shape{extent.rows, extent.columns, 2});
        const PictureInput whole{extent, input.normalisation, {}};
        const std::vector<double> expected = model.forward(input_of(whole, picture)).values(), ours = logits.values();
        for (size_t i = 0; i < ours.size(); ++i) REQUIRE(ours[i] == Approx(expected[i]).margin(1e-5));
        const Tensor classes = classes_of_pixels(logits);
        REQUIRE(classes.shape() == Shape{extent.rows, extent.columns});
        REQUIRE(classes.data<uint8_t>()[3] == (ours[6] < ours[7] ? 1 : 0));
    }
}

TEST_CASE("an overlay colours what has a class, and leaves background and unknown pixels") {
    const Tensor picture = Tensor::empty({1, 3, 3}, DType::uint8);
    for (uint8_t& one : picture.span<uint8_t>()) one = 100;
    const Tensor classes = Tensor::from({1, 3}, std::vector<uint8_t>{0, 1, 255});
    const std::vector<double> seen = overlay(picture, classes, {"background", "shape"}).values();
    const Colour colour = colour_of_class(1);
    for (size_t i = 0; i < 3; ++i) {
        REQUIRE(seen[i] == 100);
        REQUIRE(seen[3 + i] == (100 + colour[i]) / 2);
        REQUIRE(seen[6 + i] == 100);
    }
    REQUIRE(colour_of_class(1) != colour_of_class(2));
}

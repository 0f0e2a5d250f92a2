// Training on mixed and augmented images: its loss, its bits after an interruption, and the settings that it comes
// from.

#include "cuda/runtime/runtime.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/evaluate.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe augmented_recipe() {
    SwinRecipe recipe = small_recipe();
    recipe.train_crop_mode = "rrc";
    recipe.aa = "rand-m6-mstd0.5-inc1";
    recipe.reprob = 0.3;
    recipe.mixup = 0.4;
    recipe.cutmix = 1;
    recipe.mixup_mode = "elem";
    recipe.aug_repeats = 2;
    recipe.alternate_flip = true;
    return recipe;
}

Tensor trained(const SwinRecipe& recipe, const Dataset& data) {
    SwinTrainer trainer(recipe, small_config(), data, plain);
    while (!trainer.finished()) advance(trainer);
    return trainer.parameters().values().on_cpu();
}

std::string refusal(const std::function<void(SwinRecipe&)>& change) {
    SwinRecipe recipe;
    change(recipe);
    return error_of([&] { validate(recipe); });
}

}  // namespace

TEST_CASE("the loss of shares is that of classes where each has one class, and their mean where it has two") {
    const Tensor logits = Tensor::from<double>({3, 4}, {1, -2, 0.5, 3, 0, 0, 1, -1, 2, 2, -3, 0.25});
    const Tensor labels = Tensor::from<int64_t>({3}, {3, 0, 2}), others = Tensor::from<int64_t>({3}, {1, 2, 2});
    const Tensor one = Tensor::from<double>({3, 4}, {0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0});
    const Tensor two = Tensor::from<double>({3, 4}, {0, 0.25, 0, 0.75, 0.75, 0, 0.25, 0, 0, 0, 1, 0});
    for (const double smoothing : {0.0, 0.1}) {
        const double a = classification_loss(smoothing)(logits, labels).item();
        const double b = classification_loss(smoothing)(logits, others).item();
        REQUIRE(shared_classification_loss(smoothing)(logits, one).item() == Approx(a));
        REQUIRE(shared_classification_loss(smoothing)(logits, two).item() == Approx(0.75 * a + 0.25 * b));
        REQUIRE(shared_classification_loss(smoothing)(logits.to(DType::float32), two.to(DType::float32)).item() ==
                Approx(0.75 * a + 0.25 * b).epsilon(1e-5));
    }
    REQUIRE(error_of([&] { shared_classification_loss()(logits, labels); }) ==
            "[loss] cross entropy needs logits [B, K] and shares of the classes [B, K], got float64 [3, 4] on cpu and "
            "int64 [3] on cpu");
}

TEST_CASE("a model learns from mixed images, and no accuracy is claimed of them") {
    const Dataset data = coloured_noise(96);
    SwinRecipe recipe = small_recipe();
    recipe.epochs = 6;
    recipe.mixup = 0.2;
    recipe.cutmix = 0.2;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    REQUIRE_FALSE(trainer.classifies());  // before the first step, as after it
    while (!trainer.finished()) advance(trainer);
    REQUIRE_FALSE(trainer.classifies());
    REQUIRE(evaluate(trainer.model(), trainer.parameters(), ImageSamples(data, plain), 10).accuracy > 90);
}

TEST_CASE("a run on augmented images continued in the middle of an epoch ends with the same bits") {
    const Dataset data = coloured_noise(50);
    SwinRecipe recipe = augmented_recipe();
    for (const std::string mode : {"batch", "pair", "elem"}) {
        recipe.mixup_mode = mode;
        const Tensor uninterrupted = trained(recipe, data);
        for (const int stop : {1, 8}) {
            CAPTURE(mode, stop);
            const TemporaryDirectory directory;
            {
                SwinTrainer first(recipe, small_config(), data, plain);
                for (int step = 0; step < stop; ++step) advance(first);
                first.save(directory / "state.safetensors");
                advance(first);
            }
            recipe.workers = 1 + stop % 3;
            SwinTrainer second(recipe, small_config(), data, plain);
            second.load(directory / "state.safetensors");
            while (!second.finished()) advance(second);
            REQUIRE(same_bits(second.parameters().values(), uninterrupted));
        }
    }
}

TEST_CASE("kernels learn the same from mixed images as loops do, in mixed precision nearly so") {
    const Dataset data = coloured_noise(24);
    SwinRecipe recipe = augmented_recipe();
    const auto losses = [&] {
        SwinTrainer trainer(recipe, small_config(), data, plain);
        std::vector<double> all;
        for (int step = 0; step < 4; ++step) {
            trainer.step();
            trainer.settle();
            all.push_back(trainer.last_loss());
            if (trainer.epoch_done()) trainer.begin_next_epoch();
        }
        return all;
    };
    const auto expected = losses();
    recipe.device = cuda::emulated() ? "emulated" : "cuda";
    const auto by_kernels = losses();
    recipe.precision = "bf16";
    const auto mixed = losses();
    for (size_t i = 0; i < 4; ++i) {
        CHECK(by_kernels[i] == Approx(expected[i]).epsilon(1e-4));
        CHECK(mixed[i] == Approx(expected[i]).epsilon(0.03));
    }
}

TEST_CASE("a recipe's defaults augment as they always did, and its words become what they name") {
    const Augmentation usual = augmentation_of(SwinRecipe{}, plain, false);
    REQUIRE_FALSE(usual.changes_pixels());
    REQUIRE_FALSE(usual.mixing.active());
    REQUIRE(usual.crop_padding == 4);
    REQUIRE(usual.flip == 0.5);
    REQUIRE(usual.erasing.probability == 0);
    REQUIRE(usual.repeats == 1);
    REQUIRE_FALSE(usual.alternate_flip);
    REQUIRE(augmentation_of(SwinRecipe{}, plain, true).resized_crop);

    SwinRecipe recipe = augmented_recipe();
    recipe.train_crop_mode = "pad";
    recipe.interpolation = "bilinear";
    recipe.recount = 3;
    recipe.remode = "const";
    recipe.crop_pct = 0.9;
    recipe.crop_mode = "squash";
    const Augmentation chosen = augmentation_of(recipe, plain, true);
    REQUIRE_FALSE(chosen.resized_crop);
    REQUIRE(chosen.policy.sequences.size() == 15);
    REQUIRE(chosen.ground.interpolation == Interpolation::bilinear);
    REQUIRE(chosen.ground.fill == Colour{128, 128, 128});
    REQUIRE(chosen.erasing.most == 3);
    REQUIRE(chosen.erasing.fill == Erasing::Fill::constant);
    REQUIRE(chosen.mixing.mode == MixMode::elem);
    REQUIRE(chosen.repeats == 2);
    REQUIRE(preparation_of(recipe).fitting.crop_share == 0.9);
    REQUIRE(preparation_of(recipe).fitting.mode == CropMode::squash);
}

TEST_CASE("settings of images that cannot be are refused, and so are those that contradict one another") {
    CHECK(refusal([](SwinRecipe&) {}) == "no error");
    CHECK(refusal([](SwinRecipe& r) { r.mixup = 1, r.mixup_mode = "pair", r.batch_size = 33; }) ==
          "--mixup-mode pair contradicts the odd --batch-size 33: an image would be left without a partner");
    CHECK(refusal([](SwinRecipe& r) { r.mixup = 1, r.mixup_mode = "pair", r.batch_size = 1; }) ==
          "--mixup-mode pair contradicts the odd --batch-size 1: an image would be left without a partner");
    CHECK(refusal([](SwinRecipe& r) { r.mixup = 1, r.mixup_mode = "elem", r.batch_size = 33; }) == "no error");
    CHECK(refusal([](SwinRecipe& r) { r.alternate_flip = true, r.flip = 0; }) ==
          "--flip 0 contradicts --alternate-flip, which flips every image every other epoch");
    CHECK(refusal([](SwinRecipe& r) { r.mixup_mode = "half"; }) ==
          "unknown --mixup-mode \"half\": expected one of batch, pair, elem");
    CHECK(refusal([](SwinRecipe& r) { r.aa = "rand-m9-x3"; }).starts_with("--aa: unknown policy \"rand-m9-x3\""));
    CHECK(refusal([](SwinRecipe& r) {
              r.scale = {0.5, 0.2};
          }) == "--scale must be two rising shares in (0, 1], got 0.5,0.2");
    CHECK(refusal([](SwinRecipe& r) { r.scale = {0, 1}; }) == "--scale must be two rising shares in (0, 1], got 0,1");
    CHECK(refusal([](SwinRecipe& r) {
              r.ratio = {0, 1};
          }) == "--ratio must be two rising numbers in 0.01 to 100, got 0,1");
    CHECK(refusal([](SwinRecipe& r) { r.reprob = 1.5; }) == "--reprob must be in [0, 1], got 1.5");
    CHECK(refusal([](SwinRecipe& r) { r.mixup = -1; }) == "--mixup must be 0 to 1000, got -1");
    CHECK(refusal([](SwinRecipe& r) { r.cutmix = std::nan(""); }) == "--cutmix must be 0 to 1000, got nan");
    CHECK(refusal([](SwinRecipe& r) { r.crop_pct = 0; }) == "--crop-pct must be 0.01 to 1, got 0");
    CHECK(refusal([](SwinRecipe& r) { r.cache = "disk"; }) ==
          "unknown --cache \"disk\": expected one of auto, ram, none");
    CHECK(refusal([](SwinRecipe& r) { r.workers = 0; }) == "--workers must be 1 to 1024, got 0");

    SwinRecipe recipe;
    update(recipe, {{"scale", {0.2, 0.9}}, {"mixup_prob", 0.5}}, "test");
    REQUIRE(recipe.scale == std::array<double, 2>{0.2, 0.9});
    REQUIRE(recipe.mixup_prob == 0.5);
    REQUIRE(to_json(recipe)["scale"] == nlohmann::json{0.2, 0.9});
    REQUIRE(error_of([&] {
                update(recipe, {{"scale", 0.2}}, "test");
            }) == "test: \"scale\" must be two numbers, got 0.2");
}

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/masked_samples.h"
#include "train/data/shapes/shapes.h"
#include "train/data/sources.h"
#include "train/loop/evaluate.h"
#include "train/loop/loss.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Normalisation plain{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
constexpr int64_t step = 40;  // of brightness between two classes

// Pictures whose brightness is their class's, so that either says the other: class k is `step` (k + 1) bright, in
// blocks that are others when left and right are exchanged.
Dataset telling(int64_t n, Extent extent) {
    Dataset data{{"a", "b", "c", "d"}, {}, std::vector<int64_t>(static_cast<size_t>(n), 0)};
    std::vector<Tensor> pictures, masks;
    for (int64_t i = 0; i < n; ++i) {
        const Tensor picture = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
        const Tensor mask = Tensor::empty({extent.rows, extent.columns}, DType::uint8);
        for (int64_t p = 0; p < mask.numel(); ++p) {
            const int64_t column = p % extent.columns;
            const int64_t k = (p / extent.columns / 3 + (column < 4 ? 0 : column < 9 ? 1 : 2) + i) % 4;
            mask.data<uint8_t>()[p] = static_cast<uint8_t>(k);
            for (int64_t channel = 0; channel < 3; ++channel)
                picture.data<uint8_t>()[p * 3 + channel] = static_cast<uint8_t>(step * (k + 1));
        }
        pictures.push_back(picture), masks.push_back(mask);
    }
    data.pictures = pictures_in_memory(std::move(pictures));
    data.masks = pictures_in_memory(std::move(masks));
    data.fitted_to = extent;
    return data;
}

std::vector<int64_t> all_of(const Samples& samples) { return samples.order_of_epoch(0, Random{1}); }

// In how many pixels of a batch picture and mask say the same class, as a share of all that have a class; and how many
// have none.
struct Agreement {
    double share;
    int64_t without;
};
Agreement agreement_of(const Batch& batch) {
    int64_t same = 0, classified = 0;
    for (int64_t p = 0; p < batch.targets.numel(); ++p) {
        const int64_t k = batch.targets.data<int64_t>()[p];
        if (k == ignored_class) continue;
        const float bright = (batch.inputs.data<float>()[p * 3] * 0.5f + 0.5f) * 255;
        classified += 1;
        same += std::lround(bright / static_cast<float>(step)) - 1 == k;
    }
    return {static_cast<double>(same) / static_cast<double>(classified), batch.targets.numel() - classified};
}

}  // namespace

TEST_CASE("a mask is scaled, cut and flipped with its picture, and has no class in a crop's border") {
    const Dataset data = telling(16, {12, 15});
    Augmentation cuts{.crop_padding = 3, .flip = 0.5};
    const MaskedSamples cut(data, plain, cuts);
    REQUIRE(cut.labels_pixels());
    const Random random{7};
    const Batch batch = cut.batch(all_of(cut), &random);
    REQUIRE(batch.inputs.shape() == Shape{16, 12, 15, 3});
    REQUIRE(batch.targets.shape() == Shape{16, 12, 15});
    const Agreement of_cut = agreement_of(batch);
    REQUIRE(of_cut.share == 1);
    REQUIRE(of_cut.without > 0);
    // What is beyond the border is the mean colour, and there alone is no class.
    for (int64_t p = 0; p < batch.targets.numel(); ++p)
        REQUIRE((std::abs(batch.inputs.data<float>()[p * 3]) < 0.01f) ==
                (batch.targets.data<int64_t>()[p] == ignored_class));

    cuts.resized_crop = ResizedCrop{{0.5, 1}, {0.8, 1.25}, Interpolation::bilinear};
    const MaskedSamples scaled(data, plain, cuts);
    const Agreement of_scaled = agreement_of(scaled.batch(all_of(scaled), &random));
    REQUIRE(of_scaled.without == 0);
    REQUIRE(of_scaled.share > 0.7);  // between two bands the picture has colours of neither
    // A mask that did not go with its picture would agree by chance.
    const MaskedSamples upright(data, plain, Augmentation{.crop_padding = 0, .flip = 0});
    const MaskedSamples mirrored(data, plain, Augmentation{.crop_padding = 0, .flip = 1});
    Batch mixed = upright.batch(all_of(upright), &random);
    mixed.targets = mirrored.batch(all_of(mirrored), &random).targets;
    REQUIRE(agreement_of(mixed).share < 0.5);
}

TEST_CASE("what is drawn for a mask's sample does not depend on its batch or on the workers") {
    const Dataset data = telling(6, {12, 15});
    const Augmentation cuts{.crop_padding = 3, .flip = 0.5};
    const MaskedSamples one(data, plain, cuts, {{}, 1}), several(data, plain, cuts, {{}, 3});
    const Random random{8};
    const std::vector<int64_t> all{0, 1, 2, 3, 4, 5}, some{4};
    const Batch whole = one.batch(all, &random), alone = several.batch(some, &random);
    REQUIRE(whole.targets.slice(4, 5).values() == alone.targets.values());
    REQUIRE(whole.inputs.slice(4, 5).values() == alone.inputs.values());
    REQUIRE(several.batch(all, &random).targets.values() == whole.targets.values());
}

TEST_CASE("pictures of other sizes are fitted with their masks, and a border has no class") {
    Dataset data = telling(2, {24, 48});
    data.fitted_to = {12, 12};
    const std::vector<int64_t> both{0, 1};
    Preparation preparation;
    REQUIRE(agreement_of(MaskedSamples(data, plain, {}, preparation).batch(both, nullptr)).without == 0);
    preparation.fitting.mode = CropMode::border;
    const Agreement bordered = agreement_of(MaskedSamples(data, plain, {}, preparation).batch(both, nullptr));
    REQUIRE(bordered.without == 2 * 12 * 6);
}

TEST_CASE("masks refuse augmentation that they cannot follow, and images without masks are refused") {
    const Dataset data = telling(2, {12, 12});
    Augmentation mixing;
    mixing.mixing.mixup = 1;
    REQUIRE(contains(error_of([&] { MaskedSamples(data, plain, mixing); }), "crops and flips alone"));
    Augmentation erasing;
    erasing.erasing.probability = 0.5;
    REQUIRE(contains(error_of([&] { MaskedSamples(data, plain, erasing); }), "crops and flips alone"));
    Augmentation policy;
    policy.policy = policy_named("rand-m9");
    REQUIRE(contains(error_of([&] { MaskedSamples(data, plain, policy); }), "crops and flips alone"));
    Dataset without = data;
    without.masks = nullptr;
    REQUIRE(error_of([&] { MaskedSamples(without, plain); }) == "[masks] 2 images have 0 masks");
}

TEST_CASE("drawn shapes have masks: their kind where one is seen, else the background") {
    const Extent extent{20, 24};
    for (const int64_t version : {1, 2}) {
        const Dataset data = load_shapes_with_masks(Split::test, extent, version);
        REQUIRE(data.classes.size() == 11);
        REQUIRE(data.classes[0] == "background");
        REQUIRE(data.classes[1] == shape_names()[0]);
        for (int64_t i = 0; i < 40; ++i) {
            const Tensor mask = data.masks->read(i);
            REQUIRE(mask.shape() == Shape{20, 24});
            const Tensor seen = version == 2 ? draw_mask(crowded_scene(Split::test, i, extent), extent) : Tensor();
            int64_t pixels = 0;
            for (int64_t p = 0; p < mask.numel(); ++p) {
                const int64_t k = mask.data<uint8_t>()[p];
                REQUIRE((k == 0 || k == i % 10 + 1));
                if (version == 2) REQUIRE((k > 0) == (seen.data<uint8_t>()[p] == 1));
                pixels += k > 0;
            }
            REQUIRE(pixels > 0);
            REQUIRE(pixels < mask.numel());
        }
    }
}

TEST_CASE("held-out images keep their masks") {
    const Dataset data = telling(10, {6, 6});
    const auto [rest, held] = hold_out(data, 0.3, Random{5});
    REQUIRE(held.masks->size() == 3);
    for (const Dataset* part : {&rest, &held}) {
        const MaskedSamples samples(*part, plain);
        std::vector<int64_t> all(static_cast<size_t>(part->size()));
        for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
        REQUIRE(agreement_of(samples.batch(all, nullptr)).share == 1);
    }
}

TEST_CASE("pixels are counted by class, and IoU is what is both over what is either") {
    // Truth 0 0 1 1 2 and one to ignore; said 0 1 1 1 0 2; class 3 does not occur.
    const std::vector<int64_t> truth{0, 0, 1, 1, 2, 255}, said{0, 1, 1, 1, 0, 2};
    Tensor logits = Tensor::zeros({1, 2, 3, 4});
    for (size_t i = 0; i < said.size(); ++i) logits.data<float>()[i * 4 + static_cast<size_t>(said[i])] = 1;
    PixelCounts pixels;
    pixels.add(logits, Tensor::from({1, 2, 3}, truth));
    REQUIRE(pixels.iou(0) == Approx(100.0 / 3));
    REQUIRE(pixels.iou(1) == Approx(200.0 / 3));
    REQUIRE(pixels.iou(2) == 0);
    REQUIRE(std::isnan(pixels.iou(3)));
    REQUIRE(pixels.mean_iou() == Approx(100.0 / 3));
    REQUIRE(pixels.accuracy() == Approx(60));
    REQUIRE(error_of([&] {
                pixels.add(logits, Tensor::from({1, 2, 3}, std::vector<int64_t>{0, 0, 4, 1, 2, 3}));
            }) == "[evaluate] class 4 of a pixel is not in 0..3");
}

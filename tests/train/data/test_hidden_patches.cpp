#include "models/simmim/loss.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/hidden_patches.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Normalisation plain{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};

// Random pixels.
Dataset pictures(int64_t count) {
    Dataset data{{"all"}, Tensor::empty({count, 16, 16, 3}, DType::uint8), std::vector<int64_t>(count, 0)};
    for (int64_t i = 0; i < data.images.numel(); ++i)
        data.images.data<uint8_t>()[i] = static_cast<uint8_t>(Random{3}.below(static_cast<uint64_t>(i), 256));
    return data;
}

// Of 16 x 16 pixels, not to be augmented but for flips.
HiddenPatches samples_of(int64_t count, const Hiding& hiding, double flip = 0) {
    Dataset data = pictures(count);
    return {std::make_unique<ImageSamples>(std::move(data), plain, Augmentation{.crop_padding = 0, .flip = flip}),
            hiding};
}
float at(const Tensor& batch, int64_t b, int64_t row, int64_t column, int64_t channel) {
    return batch.data<float>()[((b * 16 + row) * 16 + column) * 4 + channel];
}

}  // namespace

TEST_CASE("what is hidden is whole squares, of the share that is asked for, and the images stay as they are") {
    const HiddenPatches samples = samples_of(6, {.patch = 2, .mask_patch = 4, .ratio = 0.5});
    const Batch batch = samples.batch(std::vector<int64_t>{3, 0}, nullptr);
    REQUIRE(batch.inputs.shape() == Shape{2, 16, 16, 4});
    REQUIRE(same_bits(batch.inputs, batch.targets));
    const ImageSamples images(pictures(6), plain);
    const Tensor expected = images.batch(std::vector<int64_t>{3, 0}, nullptr).inputs;
    for (int64_t b = 0; b < 2; ++b) {
        int64_t hidden = 0;
        for (int64_t row = 0; row < 16; ++row)
            for (int64_t column = 0; column < 16; ++column) {
                for (int64_t c = 0; c < 3; ++c)
                    REQUIRE(at(batch.inputs, b, row, column, c) ==
                            expected.data<float>()[((b * 16 + row) * 16 + column) * 3 + c]);
                const float mask = at(batch.inputs, b, row, column, 3);
                REQUIRE((mask == 0 || mask == 1));
                REQUIRE(mask == at(batch.inputs, b, row / 4 * 4, column / 4 * 4, 3));
                hidden += mask == 1;
            }
        REQUIRE(hidden == 8 * 16);
    }
}

TEST_CASE("what is hidden belongs to an image and an epoch, not to its place in a batch") {
    const HiddenPatches samples = samples_of(6, {.patch = 2, .mask_patch = 2, .ratio = 0.5}, 0.5);
    const Random epoch{7, 1}, next{7, 2};
    const auto one = samples.batch(std::vector<int64_t>{4}, &epoch);
    const auto several = samples.batch(std::vector<int64_t>{1, 4, 2}, &epoch);
    REQUIRE(same_bits(one.inputs, several.inputs.slice(1, 2)));
    REQUIRE_FALSE(same_bits(one.inputs, samples.batch(std::vector<int64_t>{4}, &next).inputs));
    // To judge, always the same; and other images have other masks.
    const auto judged = samples.batch(std::vector<int64_t>{4, 5}, nullptr);
    REQUIRE(same_bits(judged.inputs, samples.batch(std::vector<int64_t>{4, 5}, nullptr).inputs));
    bool differ = false;
    for (int64_t row = 0; row < 16; ++row)
        for (int64_t column = 0; column < 16; ++column)
            differ = differ || at(judged.inputs, 0, row, column, 3) != at(judged.inputs, 1, row, column, 3);
    REQUIRE(differ);
}

TEST_CASE("what is to be told is normalised around each pixel where that is asked for") {
    const HiddenPatches samples = samples_of(3, {.patch = 2, .mask_patch = 4, .ratio = 0.6, .norm_window = 5});
    const Batch batch = samples.batch(std::vector<int64_t>{0, 1, 2}, nullptr);
    const ImageSamples images(pictures(3), plain);
    const Tensor expected = locally_normalised(images.batch(std::vector<int64_t>{0, 1, 2}, nullptr).inputs, 5);
    for (int64_t b = 0; b < 3; ++b)
        for (int64_t row = 0; row < 16; ++row)
            for (int64_t column = 0; column < 16; ++column) {
                for (int64_t c = 0; c < 3; ++c)
                    REQUIRE(at(batch.targets, b, row, column, c) ==
                            expected.data<float>()[((b * 16 + row) * 16 + column) * 3 + c]);
                REQUIRE(at(batch.targets, b, row, column, 3) == at(batch.inputs, b, row, column, 3));
            }
}

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function merge = [](const std::vector<Tensor>& in) { return patch_merging(in[0]); };

// One element at a time, by the formula as printed: the order of the four neighbours is written out.
double merged_element(const Tensor& x, int64_t b, int64_t h, int64_t w, int64_t channel) {
    const int64_t H = x.shape()[1], W = x.shape()[2], C = x.shape()[3];
    const int64_t rows[] = {2 * h, 2 * h + 1, 2 * h, 2 * h + 1}, columns[] = {2 * w, 2 * w, 2 * w + 1, 2 * w + 1};
    const int64_t row = rows[channel / C], column = columns[channel / C];
    return row < H && column < W ? x.values()[static_cast<size_t>(((b * H + row) * W + column) * C + channel % C)] : 0;
}

}  // namespace

TEST_CASE("patch_merging of (1 2 over 3 4) is 1, 3, 2, 4: down first, then across") {
    const Tensor x = Tensor::from({1, 2, 2, 1}, std::vector<double>{1, 2, 3, 4});
    REQUIRE(patch_merging(x).values() == std::vector<double>{1, 3, 2, 4});
}

TEST_CASE("patch_merging of an odd map has zeros beyond the bottom and the right edge") {
    const Tensor x = Tensor::from({1, 1, 3, 1}, std::vector<double>{1, 2, 3});
    const Tensor y = patch_merging(x);
    REQUIRE(y.shape() == Shape{1, 1, 2, 4});
    REQUIRE(y.values() == std::vector<double>{1, 0, 2, 0, 3, 0, 0, 0});
}

TEST_CASE("patch_merging follows its formula on even and odd maps") {
    for (const Shape& shape :
         {Shape{1, 1, 1, 1}, Shape{2, 4, 6, 3}, Shape{2, 5, 4, 2}, Shape{1, 4, 7, 33}, Shape{3, 3, 5, 2}})
        DYNAMIC_SECTION(shape.text()) {
            const Tensor x = random_tensor(shape, Random{5, 1}), y = patch_merging(x);
            REQUIRE(y.shape() == Shape{shape[0], (shape[1] + 1) / 2, (shape[2] + 1) / 2, 4 * shape[3]});
            const auto values = y.values();
            size_t at = 0;
            for (int64_t b = 0; b < y.shape()[0]; ++b)
                for (int64_t h = 0; h < y.shape()[1]; ++h)
                    for (int64_t w = 0; w < y.shape()[2]; ++w)
                        for (int64_t channel = 0; channel < y.shape()[3]; ++channel)
                            REQUIRE(values[at++] == merged_element(x, b, h, w, channel));
        }
}

TEST_CASE("patch_merging backward undoes forward: every element comes back, those of the padding are dropped") {
    const Tensor x = random_tensor({2, 5, 7, 3}, Random{5, 2});
    for (const DType dtype : {DType::float32, DType::float64}) {
        const Tensor typed = x.to(dtype);
        // Taken as a cotangent, the output itself must come back as the input.
        REQUIRE(gradients_of(merge, {typed}, patch_merging(typed))[0].values() == typed.values());
    }
    // Whatever arrives at padding changes nothing.
    const Tensor ones = Tensor::from({1, 1, 1, 4}, std::vector<double>{1, 100, 100, 100});
    REQUIRE(gradients_of(merge, {Tensor::zeros({1, 1, 1, 1}, DType::float64)}, ones)[0].item() == 1);
}

TEST_CASE("patch_merging says what shape it expects") {
    REQUIRE(error_of([] {
                patch_merging(Tensor::zeros({2, 64, 96}));
            }) == "[patch_merging] x must be [B, H, W, C], got [2, 64, 96]");
}

TEST_CASE("patch_merging's kernels copy what its loops copy, to the bit, in bfloat16 too") {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 4, 6, 33}, Shape{3, 5, 7, 257}, Shape{2, 1, 34, 3}}) {
        INFO(shape.text());
        const Tensor x = random_tensor(shape, Random{5, 3});
        for (const DType dtype : {DType::float64, DType::float32})
            REQUIRE(largest_kernel_error(merge, {x}, dtype) == 0);
        REQUIRE(largest_bfloat16_error(merge, {x}, {0}) == 0);
    }
    const Tensor nothing = Tensor::zeros({0, 3, 4, 2}, DType::float32, Device::cuda);
    REQUIRE(patch_merging(nothing).shape() == Shape{0, 2, 2, 8});
}

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// As torch.nn.PixelShuffle's documentation indexes it, one element at a time.
Tensor shuffled_plainly(const Tensor& x, int64_t r) {
    const int64_t B = x.shape()[0], H = x.shape()[1], W = x.shape()[2], C = x.shape()[3] / r / r;
    const Tensor y = Tensor::empty({B, H * r, W * r, C}, DType::float64);
    int64_t to = 0;
    for (int64_t b = 0; b < B; ++b)
        for (int64_t row = 0; row < H * r; ++row)
            for (int64_t column = 0; column < W * r; ++column)
                for (int64_t c = 0; c < C; ++c) {
                    const int64_t channel = c * r * r + row % r * r + column % r;
                    y.data<double>()[to++] =
                        x.data<double>()[((b * H + row / r) * W + column / r) * C * r * r + channel];
                }
    return y;
}

}  // namespace

TEST_CASE("pixel_shuffle of one position lays each four channels out as two rows of two") {
    // Channels 0 to 3 are the first output channel, 4 to 7 the second; neighbours in y are its two channels.
    const Tensor y = pixel_shuffle(counting({1, 1, 1, 8}), 2);
    REQUIRE(y.shape() == Shape{1, 2, 2, 2});
    REQUIRE(y.values() == std::vector<double>{0, 4, 1, 5, 2, 6, 3, 7});
}

TEST_CASE("pixel_shuffle follows its formula, and pixel_unshuffle takes it back") {
    for (const auto& [shape, r] : std::vector<std::pair<Shape, int64_t>>{
             {{1, 1, 1, 1}, 1}, {{2, 3, 2, 12}, 2}, {{3, 2, 5, 27}, 3}, {{2, 4, 3, 33}, 1}, {{0, 2, 2, 4}, 2}})
        DYNAMIC_SECTION(shape.text() << " by " << r) {
            const Tensor x = random_tensor(shape, Random{9, 1}), y = pixel_shuffle(x, r);
            REQUIRE(same_bits(y, shuffled_plainly(x, r)));
            REQUIRE(same_bits(pixel_unshuffle(y, r), x));
            // The gradient is the way back: y for a cotangent must come out as x.
            const auto shuffle = [r = r](const std::vector<Tensor>& in) { return pixel_shuffle(in[0], r); };
            if (x.numel() > 0) REQUIRE(same_bits(gradients_of(shuffle, {x}, y)[0], x));
        }
}

TEST_CASE("pixel_shuffle says what does not fit") {
    REQUIRE(error_of([] {
                pixel_shuffle(Tensor::zeros({1, 2, 2, 6}), 2);
            }) == "[pixel_shuffle] x must be [B, H, W, C 2 2], got [1, 2, 2, 6]");
    REQUIRE(error_of([] { pixel_shuffle(Tensor::zeros({4}), 2); }) ==
            "[pixel_shuffle] x must be [B, H, W, C 2 2], got [4]");
    REQUIRE(error_of([] {
                pixel_shuffle(Tensor::zeros({1, 2, 2, 4}), 0);
            }) == "[pixel_shuffle] r must be at least 1, got 0");
    REQUIRE(error_of([] {
                pixel_unshuffle(Tensor::zeros({1, 4, 3, 1}), 2);
            }) == "[pixel_unshuffle] x must be [B, H 2, W 2, C], got [1, 4, 3, 1]");
    REQUIRE(error_of([] {
                pixel_unshuffle(Tensor::zeros({1, 4, 4, 1}), -1);
            }) == "[pixel_unshuffle] r must be at least 1, got -1");
}

TEST_CASE("pixel_shuffle and pixel_unshuffle on a device copy what they copy on the CPU, to the bit") {
    for (const auto& [shape, r] :
         std::vector<std::pair<Shape, int64_t>>{{{1, 1, 1, 1}, 1}, {{2, 3, 2, 132}, 2}, {{3, 2, 5, 27}, 3}}) {
        INFO(shape.text() << " by " << r);
        const Tensor x = random_tensor(shape, Random{9, 2}), y = pixel_shuffle(x, r);
        const Function shuffle = [r = r](const std::vector<Tensor>& in) { return pixel_shuffle(in[0], r); };
        const Function unshuffle = [r = r](const std::vector<Tensor>& in) { return pixel_unshuffle(in[0], r); };
        for (const DType dtype : {DType::float64, DType::float32}) {
            REQUIRE(largest_kernel_error(shuffle, {x}, dtype) == 0);
            REQUIRE(largest_kernel_error(unshuffle, {y}, dtype) == 0);
        }
        REQUIRE(largest_bfloat16_error(shuffle, {x}, {0}) == 0);
    }
}

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <algorithm>
#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function resizing(Extent size, Resize method) {
    return [=](const std::vector<Tensor>& in) { return resize(in[0], size, method); };
}

// How much of old pixel i is in new pixel j, of n pixels made n_new: the kernel laid around the place of j and summed
// over all old pixels that stand for i, which for a border are all beyond it.
double share(int64_t i, int64_t n, int64_t j, int64_t n_new, Resize method) {
    const double place = (static_cast<double>(j) + 0.5) * static_cast<double>(n) / static_cast<double>(n_new) - 0.5;
    double sum = 0;
    for (int64_t pixel = -3; pixel < n + 3; ++pixel) {
        if (std::clamp<int64_t>(pixel, 0, n - 1) != i) continue;
        const double d = std::abs(place - static_cast<double>(pixel));
        if (method == Resize::bilinear) sum += std::max(0.0, 1 - d);
        else if (d <= 1) sum += 1.25 * d * d * d - 2.25 * d * d + 1;
        else if (d < 2) sum += -0.75 * d * d * d + 3.75 * d * d - 6 * d + 3;
    }
    return sum;
}

// y, and dx for a cotangent, each old pixel against each new one.
std::vector<Tensor> plainly(const Tensor& x, Extent size, Resize method, const Tensor& cotangent) {
    const int64_t B = x.shape()[0], H = x.shape()[1], W = x.shape()[2], C = x.shape()[3];
    const Tensor y = Tensor::zeros({B, size.rows, size.columns, C}, DType::float64);
    const Tensor dx = Tensor::zeros(x.shape(), DType::float64);
    for (int64_t j = 0; j < size.rows; ++j)
        for (int64_t k = 0; k < size.columns; ++k)
            for (int64_t h = 0; h < H; ++h)
                for (int64_t w = 0; w < W; ++w) {
                    const double weight = share(h, H, j, size.rows, method) * share(w, W, k, size.columns, method);
                    for (int64_t b = 0; b < B; ++b)
                        for (int64_t c = 0; c < C; ++c) {
                            const int64_t old = ((b * H + h) * W + w) * C + c;
                            const int64_t now = ((b * size.rows + j) * size.columns + k) * C + c;
                            y.data<double>()[now] += weight * x.data<double>()[old];
                            dx.data<double>()[old] += weight * cotangent.data<double>()[now];
                        }
                }
    return {y, dx};
}

void require_near(const Tensor& y, const std::vector<double>& expected) {
    REQUIRE(largest_difference(y, Tensor::from(y.shape(), expected)) < 1e-14);
}

}  // namespace

TEST_CASE("resize of two pixels to four and to one is what one works out by hand") {
    const Tensor x = Tensor::from({1, 1, 2, 1}, std::vector<double>{0, 8});
    // At -1/4, 1/4, 3/4 and 5/4: the outer ones are nearest to a border, and keep its value.
    REQUIRE(resize(x, {1, 4}, Resize::bilinear).values() == std::vector<double>{0, 2, 6, 8});
    // k(3/4) = 67/256, k(5/4) = -27/256, k(7/4) = -9/256. At -1/4 only pixel 1, 5/4 away, is 8; at 1/4 pixels 1 and 2.
    REQUIRE(resize(x, {1, 4}, Resize::bicubic).values() ==
            std::vector<double>{8 * (-27.0) / 256, 8 * 58.0 / 256, 8 * 198.0 / 256, 8 * 283.0 / 256});
    for (const Resize method : {Resize::bilinear, Resize::bicubic}) REQUIRE(resize(x, {1, 1}, method).item() == 4);
}

TEST_CASE("resize gives what torch.nn.functional.interpolate gives") {
    // In double, of PyTorch 2, from (1 4 -2 over 8 3 7).
    const Tensor x = Tensor::from({1, 2, 3, 1}, std::vector<double>{1, 4, -2, 8, 3, 7});
    require_near(resize(x, {3, 5}, Resize::bilinear), {1, 2.2, 4, 0.4, -2, 4.5, 4.1, 3.5, 2.9, 2.5, 8, 6, 3, 5.4, 7});
    require_near(resize(x, {1, 2}, Resize::bilinear), {4.25, 2.75});
    require_near(resize(x, {2, 6}, Resize::bilinear), {1, 1.75, 3.25, 2.5, -0.5, -2, 8, 6.75, 4.25, 4, 6, 7});
    require_near(resize(x, {3, 5}, Resize::bicubic),
                 {0.03769444444444569, 2.320305555555557, 4.086805555555556, 0.14955555555555938, -3.4405833333333335,
                  4.595999999999998, 4.183999999999998, 3.5, 2.816000000000001, 2.4040000000000004, 9.154305555555554,
                  6.04769444444444, 2.9131944444444446, 5.482444444444446, 8.24858333333334});
    require_near(resize(x, {1, 2}, Resize::bicubic), {4.30859375, 2.69140625});
    require_near(resize(x, {2, 6}, Resize::bicubic),
                 {0.68359375, 1.890625, 3.953125, 2.95703125, -0.53515625, -2.6328125, 8.52734375, 6.7265625, 3.7109375,
                  3.37890625, 5.91796875, 7.421875});
}

TEST_CASE("resize and its gradient are sums of the kernel over all pixels, for sizes up, down and mixed") {
    for (const Resize method : {Resize::bilinear, Resize::bicubic})
        for (const auto& [shape, size] : std::vector<std::pair<Shape, Extent>>{{{1, 1, 1, 1}, {3, 2}},
                                                                               {{2, 3, 5, 3}, {7, 4}},
                                                                               {{1, 8, 7, 2}, {2, 21}},
                                                                               {{3, 2, 9, 5}, {2, 3}},
                                                                               {{1, 33, 2, 4}, {5, 64}}})
            DYNAMIC_SECTION(shape.text() << " to " << size.rows << " x " << size.columns << " by "
                                         << static_cast<int>(method)) {
                const Tensor x = random_tensor(shape, Random{8, 1});
                const Tensor c = random_tensor({shape[0], size.rows, size.columns, shape[3]}, Random{8, 2});
                const auto expected = plainly(x, size, method, c);
                REQUIRE(largest_difference(resize(x, size, method), expected[0]) < 1e-13);
                REQUIRE(largest_difference(gradients_of(resizing(size, method), {x}, c)[0], expected[1]) < 1e-12);
            }
}

TEST_CASE("resize keeps a constant, and a map of its own size as it is") {
    const Tensor constant = Tensor::from({1, 3, 4, 1}, std::vector<double>(12, 5.0));
    for (const Resize method : {Resize::bilinear, Resize::bicubic}) {
        const Tensor y = resize(constant, {7, 2}, method);
        require_near(y, std::vector<double>(14, 5.0));
        REQUIRE(resize(constant, {3, 4}, method).address() == constant.address());
        // One axis as it is: not a number on the other side of it stays where it is.
        const Tensor hole = Tensor::from({1, 1, 2, 1}, std::vector<double>{1, NAN});
        REQUIRE(resize(hole, {2, 2}, method).values()[2] == 1);
    }
}

TEST_CASE("resize in float agrees with double") {
    const Tensor x = random_tensor({2, 14, 14, 7}, Random{8, 3});
    for (const Resize method : {Resize::bilinear, Resize::bicubic})
        for (const Extent size : {Extent{32, 31}, Extent{5, 20}})
            REQUIRE(largest_float_error(resizing(size, method), {x}) < 1e-5);
}

TEST_CASE("resize gives the same bits on any number of threads") {
    const Tensor x = random_tensor({2, 9, 8, 5}, Random{8, 4}).to(DType::float32);
    const Tensor c = random_tensor({2, 16, 5, 5}, Random{8, 5}).to(DType::float32);
    for (const Resize method : {Resize::bilinear, Resize::bicubic})
        REQUIRE(same_on_any_threads(resizing({16, 5}, method), {x}, c));
}

TEST_CASE("resize says which size is wrong") {
    const Tensor x = Tensor::zeros({1, 2, 3, 4});
    REQUIRE(error_of([&] {
                resize(x, {0, 3}, Resize::bilinear);
            }) == "[resize] size must be at least 1 x 1, got 0 x 3");
    REQUIRE(error_of([&] {
                resize(x, {3, -1}, Resize::bicubic);
            }) == "[resize] size must be at least 1 x 1, got 3 x -1");
    REQUIRE(error_of([&] {
                resize(Tensor::zeros({2, 3}), {1, 1}, Resize::bilinear);
            }) == "[resize] x must be [B, H, W, C], neither H nor W 0, got [2, 3]");
    REQUIRE(error_of([&] {
                resize(Tensor::zeros({1, 0, 3, 1}), {1, 1}, Resize::bilinear);
            }) == "[resize] x must be [B, H, W, C], neither H nor W 0, got [1, 0, 3, 1]");
    REQUIRE(resize(Tensor::zeros({0, 2, 3, 4}), {5, 6}, Resize::bilinear).shape() == Shape{0, 5, 6, 4});
}

TEST_CASE("resize's kernel agrees with its loops, for sizes up, down and mixed") {
    for (const Resize method : {Resize::bilinear, Resize::bicubic})
        for (const auto& [shape, size] : std::vector<std::pair<Shape, Extent>>{{{1, 1, 1, 1}, {3, 2}},
                                                                               {{2, 3, 5, 33}, {7, 4}},
                                                                               {{1, 8, 7, 257}, {2, 9}},
                                                                               {{3, 2, 9, 5}, {2, 3}},
                                                                               {{1, 33, 2, 1}, {5, 257}}}) {
            INFO(shape.text() << " to " << size.rows << " x " << size.columns);
            const Tensor x = random_tensor(shape, Random{8, 6});
            REQUIRE(largest_kernel_error(resizing(size, method), {x}, DType::float64) < 1e-13);
            REQUIRE(largest_kernel_error(resizing(size, method), {x}, DType::float32) < 1e-5);
            REQUIRE(largest_bfloat16_error(resizing(size, method), {x}, {0}) < 0.004);
        }
    const Tensor nothing = Tensor::zeros({0, 2, 3, 4}, DType::float32, Device::cuda);
    REQUIRE(resize(nothing, {5, 6}, Resize::bilinear).shape() == Shape{0, 5, 6, 4});
}

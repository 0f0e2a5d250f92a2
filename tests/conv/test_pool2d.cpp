#include "ops/ops.h"
#include "tests/conv/pattern.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>
#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function max_pool(Extent kernel, Extent stride, Extent padding = {}) {
    return [=](const std::vector<Tensor>& in) { return max_pool2d(in[0], kernel, stride, padding); };
}
Function avg_pool(Extent kernel, Extent stride, Extent padding = {}) {
    return [=](const std::vector<Tensor>& in) { return avg_pool2d(in[0], kernel, stride, padding); };
}

// By plain loops, or by kernels.
struct Place {
    Device device = GENERATE(Device::cpu, Device::cuda);
    std::vector<double> value(const Function& f, const Tensor& x) const { return f({x.on(device)}).values(); }
    std::vector<double> dx(const Function& f, const Tensor& x, const Tensor& dy) const {
        return gradients_of(f, on(device, {x}), dy)[0].values();
    }
};

}  // namespace

TEST_CASE("pools of 1 x 4 pixels are what one works out by hand") {
    const Place place;
    const Tensor x = Tensor::from({1, 1, 4, 1}, std::vector<double>{-3, -1, -2, -8});
    const Tensor dy = Tensor::from({1, 1, 3, 1}, std::vector<double>{10, 100, 1000});
    REQUIRE(place.value(max_pool({1, 2}, {1, 1}), x) == std::vector<double>{-1, -1, -2});
    REQUIRE(place.dx(max_pool({1, 2}, {1, 1}), x, dy) == std::vector<double>{0, 110, 1000, 0});
    REQUIRE(place.value(avg_pool({1, 2}, {1, 1}), x) == std::vector<double>{-2, -1.5, -5});
    REQUIRE(place.dx(avg_pool({1, 2}, {1, 1}), x, dy) == std::vector<double>{5, 55, 550, 500});
    // Padding is no number that is larger than -3, but counts in a mean.
    REQUIRE(place.value(max_pool({1, 2}, {1, 2}, {0, 1}), x) == std::vector<double>{-3, -1, -8});
    REQUIRE(place.value(avg_pool({1, 2}, {1, 2}, {0, 1}), x) == std::vector<double>{-1.5, -1.5, -4});
}

TEST_CASE("max_pool2d gives the gradient to the first of equal numbers, row by row, and finds a NaN or -infinity") {
    const Place place;
    const Tensor x = Tensor::from({1, 2, 2, 1}, std::vector<double>{1, 7, 7, 7});
    const Tensor dy = Tensor::from({1, 1, 1, 1}, std::vector<double>{5});
    REQUIRE(place.dx(max_pool({2, 2}, {2, 2}), x, dy) == std::vector<double>{0, 5, 0, 0});
    const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
    const Tensor none = Tensor::from({1, 2, 2, 1}, std::vector<double>(4, -infinity));
    REQUIRE(place.value(max_pool({2, 2}, {2, 2}), none) == std::vector<double>{-infinity});
    REQUIRE(place.dx(max_pool({2, 2}, {2, 2}), none, dy) == std::vector<double>{5, 0, 0, 0});
    for (const auto& values : {std::vector<double>{1, nan, 3, 2}, std::vector<double>{nan, 1, 2, 3}})
        REQUIRE(std::isnan(place.value(max_pool({2, 2}, {2, 2}), Tensor::from({1, 2, 2, 1}, values))[0]));
}

TEST_CASE("pools agree with PyTorch") {
    // x = pattern [2, 5, 6, 3], channel-last, in float64: torch.nn.functional.max_pool2d, or avg_pool2d times 6,
    // (x.permute(0, 3, 1, 2), (3, 2), (2, 1), (1, 1))
    const std::vector<Tensor> x{pattern({2, 5, 6, 3}, 7, 3, 11)};
    const Tensor dy = pattern({2, 3, 7, 3}, 3, 1, 23);
    const Function largest = max_pool({3, 2}, {2, 1}, {1, 1});
    REQUIRE(largest(x).shape() == dy.shape());
    REQUIRE(beginning(largest(x), 9) == std::vector<double>{3, 5, 1, 3, 5, 5, 2, 4, 5});
    REQUIRE(checksum(largest(x)) == 72);
    const Tensor dx = gradients_of(largest, x, dy)[0];
    REQUIRE(beginning(dx, 9) == std::vector<double>{0, -5, -4, 0, 11, 0, 0, -3, 0});
    REQUIRE(checksum(dx) == 6);

    const Function mean = [](const auto& in) { return scale(avg_pool2d(in[0], {3, 2}, {2, 1}, {1, 1}), 6); };
    const std::vector<double> first{1, 4, -4, 0, 6, 1, -4, 2, 8}, d_first{-11, -5, 1, 7, 13, -4, 2, 8, -9};
    const Tensor d_mean = gradients_of(mean, x, dy)[0];
    for (size_t i = 0; i < first.size(); ++i) {
        REQUIRE(mean(x).values()[i] == Approx(first[i]));
        REQUIRE(d_mean.values()[i] == Approx(d_first[i]));
    }
    REQUIRE(checksum(mean(x)) == Approx(181));
    REQUIRE(checksum(d_mean) == Approx(291));
}

TEST_CASE("avg_pool2d of a whole map is global_average_pool") {
    const Function whole = [](const auto& in) { return reshape(avg_pool2d(in[0], {4, 5}, {1, 1}), {2, 3}); };
    const Function global = [](const auto& in) { return global_average_pool(in[0]); };
    REQUIRE(largest_disagreement(whole, global, {random_tensor({2, 4, 5, 3}, Random{4, 1})}) < 1e-14);
}

TEST_CASE("pools in float agree with double, and their kernels with their loops, on awkward sizes too") {
    struct Case {
        Shape x;
        Extent kernel, stride, padding;
    };
    const std::vector<Case> cases{{{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}},   {{2, 7, 9, 33}, {3, 3}, {2, 2}, {1, 1}},
                                  {{3, 5, 4, 5}, {2, 4}, {3, 1}, {1, 2}},   {{1, 9, 8, 257}, {2, 2}, {2, 2}, {0, 0}},
                                  {{2, 10, 11, 3}, {1, 3}, {4, 5}, {0, 1}}, {{2, 4, 3, 2}, {4, 3}, {1, 1}, {2, 1}}};
    for (const auto& [shape, kernel, stride, padding] : cases)
        for (const Function& f : {max_pool(kernel, stride, padding), avg_pool(kernel, stride, padding)}) {
            const std::vector<Tensor> x{random_tensor(shape, Random{4, 2})};
            INFO(x[0].describe());
            REQUIRE(largest_float_error(f, x) < 1e-6);
            REQUIRE(largest_kernel_error(f, x, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(f, x, DType::float32) < 1e-6);
            REQUIRE(largest_bfloat16_error(f, x, {0}) < 0.02);
            const Tensor dy = random_tensor(f(x).shape(), Random{4, 3});
            REQUIRE(same_in_any_order(f, x, dy));
            REQUIRE(same_on_any_threads(f, x, dy));
        }
}

TEST_CASE("pools of no images, or of no channels, are empty") {
    for (const Shape& shape : {Shape{0, 4, 4, 3}, Shape{2, 4, 4, 0}})
        for (const Device device : {Device::cpu, Device::cuda})
            for (const Function& f : {max_pool({2, 2}, {2, 2}), avg_pool({2, 2}, {2, 2})}) {
                const Tensor x = Tensor::zeros(shape, DType::float64, device),
                             dy = Tensor::zeros({shape[0], 2, 2, shape[3]}, DType::float64);
                REQUIRE(f({x}).shape() == dy.shape());
                REQUIRE(gradients_of(f, {x}, dy)[0].shape() == shape);
            }
}

TEST_CASE("pools say what does not fit") {
    const Tensor x = Tensor::zeros({2, 5, 6, 4});
    REQUIRE(error_of([&] {
                max_pool2d(Tensor::zeros({5, 6, 4}), {2, 2}, {2, 2});
            }) == "[max_pool2d] x must be [B, H, W, C] with rows and columns, got [5, 6, 4]");
    REQUIRE(error_of([&] {
                avg_pool2d(x, {0, 2}, {2, 2});
            }) == "[avg_pool2d] kernel must be at least 1 x 1, got 0 x 2");
    REQUIRE(error_of([&] {
                avg_pool2d(x, {2, 2}, {2, -1});
            }) == "[avg_pool2d] stride must be at least 1 x 1, got 2 x -1");
    REQUIRE(error_of([&] {
                max_pool2d(x, {2, 7}, {1, 1});
            }) == "[max_pool2d] a kernel of 2 x 7 does not fit on x [2, 5, 6, 4] with padding 0 x 0");
    REQUIRE(error_of([&] {
                max_pool2d(x, {3, 3}, {1, 1}, {1, 2});
            }) == "[max_pool2d] padding must be at most half the kernel 3 x 3, got 1 x 2");
}

#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {
const Function normalise = [](const std::vector<Tensor>& in) { return l2_normalise(in[0]); };
}

TEST_CASE("l2_normalise of (3, 4) is (0.6, 0.8)") {
    const auto y = l2_normalise(Tensor::from({2}, std::vector<double>{3, 4})).values();
    REQUIRE(y[0] == Approx(0.6));
    REQUIRE(y[1] == Approx(0.8));
}

TEST_CASE("l2_normalise gives rows of length 1 whatever their length was") {
    for (const int64_t C : {1, 33, 257})
        for (const double size : {1e-6, 1.0, 1e6}) {
            const Tensor y = l2_normalise(random_tensor({131, C}, Random{8, 1}, size));
            for (const double length : sum_to(multiply(y, y), {131, 1}).values())
                REQUIRE(length == Approx(1).epsilon(1e-12));
        }
}

TEST_CASE("the gradient of l2_normalise has no part along its row") {
    const Tensor x = random_tensor({7, 33}, Random{8, 2}), c = random_tensor({7, 33}, Random{8, 3});
    const auto d = gradients_of(normalise, {x}, c);
    for (const double along : sum_to(multiply(d[0], x), {7, 1}).values()) REQUIRE(std::abs(along) < 1e-13);
}

TEST_CASE("rows of zeros stay zero, and their gradient is finite") {
    for (const DType dtype : {DType::float32, DType::float64}) {
        const Tensor x = Tensor::zeros({2, 3}, dtype), c = random_tensor({2, 3}, Random{8, 4}).to(dtype);
        for (const double value : l2_normalise(x).values()) REQUIRE(value == 0);
        const auto d = gradients_of(normalise, {x}, c)[0].values(), expected = c.values();
        for (size_t i = 0; i < d.size(); ++i) REQUIRE(d[i] == Approx(expected[i] * 1e12));
    }
}

TEST_CASE("rows shorter than eps are divided by eps, in both directions") {
    // One row of length 0.05, one of 5, eps between them.
    const Tensor x = Tensor::from({2, 2}, std::vector<double>{0.03, 0.04, 3, 4}),
                 c = Tensor::from({2, 2}, std::vector<double>{1, 0, 1, 0});
    const Function f = [](const std::vector<Tensor>& in) { return l2_normalise(in[0], 0.5); };
    const auto y = f({x}).values(), d = gradients_of(f, {x}, c)[0].values();
    REQUIRE(y[0] == Approx(0.06));
    REQUIRE(y[1] == Approx(0.08));
    REQUIRE(d[0] == Approx(2));
    REQUIRE(d[1] == 0);
    REQUIRE(y[2] == Approx(0.6));
    REQUIRE(d[2] == Approx((1 - 0.36) / 5));
    REQUIRE(d[3] == Approx(-0.48 / 5));
}

TEST_CASE("a row as long as eps is treated as a long one") {
    const Tensor x = Tensor::from({1, 2}, std::vector<double>{3, 4}),
                 c = Tensor::from({1, 2}, std::vector<double>{1, 0});
    const auto d = gradients_of([](const auto& in) { return l2_normalise(in[0], 5.0); }, {x}, c)[0].values();
    REQUIRE(d[0] == Approx((1 - 0.36) / 5));
}

TEST_CASE("l2_normalise in float agrees with double on many rows") {
    REQUIRE(largest_float_error(normalise, {random_tensor({1500, 32}, Random{8, 5}, 3.0)}) < 2e-6);
}

TEST_CASE("l2_normalise used twice gives twice the gradient") {
    const Tensor x = random_tensor({3, 5}, Random{8, 6}), c = random_tensor({3, 5}, Random{8, 7});
    const auto once = gradients_of(normalise, {x}, c);
    const auto twice =
        gradients_of([](const auto& in) { return add(l2_normalise(in[0]), l2_normalise(in[0])); }, {x}, c);
    REQUIRE(largest_difference(twice[0], scale(once[0], 2)) < 1e-15);
}

TEST_CASE("l2_normalise needs an axis and a positive eps") {
    REQUIRE(error_of([] { l2_normalise(Tensor::zeros({})); }) == "[l2_normalise] x must be [..., C], got []");
    REQUIRE(error_of([] { l2_normalise(Tensor::zeros({3}), 0); }) == "[l2_normalise] eps must be positive, got 0");
}

TEST_CASE("the kernels of l2_normalise agree with its loops, on awkward sizes and on both sides of eps") {
    const Function clipped = [](const std::vector<Tensor>& in) { return l2_normalise(in[0], 0.9); };
    for (const int64_t rows : {1, 33, 257})
        for (const int64_t C : {1, 33, 257}) {
            const std::vector<Tensor> x{random_tensor({rows, C}, Random{8, 8})};
            INFO(rows << " rows of " << C);
            // Rows of one number have a gradient of 0, but for rounding over a norm that may be small.
            REQUIRE(largest_kernel_error(normalise, x, DType::float64) < (C == 1 ? 1e-12 : 1e-14));
            REQUIRE(largest_kernel_error(clipped, x, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(clipped, x, DType::float32) < 2e-6);
            REQUIRE(largest_bfloat16_error(clipped, x, {0}) < 0x1p-8);
        }
    const Tensor x = random_tensor({70, 48}, Random{8, 9}).to(DType::float32);
    REQUIRE(same_in_any_order(normalise, {x}, random_tensor({70, 48}, Random{8, 10}).to(DType::float32)));
}

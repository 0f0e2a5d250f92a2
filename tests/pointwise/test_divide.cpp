#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>
#include <utility>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Function quotient = [](const std::vector<Tensor>& in) { return divide(in[0], in[1]); };

// Numbers at least 0.5 from 0.
Tensor divisor(const Shape& shape, Random random) {
    Tensor b = random_tensor(shape, random);
    for (double& value : b.span<double>()) value += std::copysign(0.5, value);
    return b;
}

const std::vector<std::pair<Shape, Shape>> pairs_of_shapes{
    {{}, {}}, {{257}, {257}}, {{7, 33}, {33}}, {{7, 1}, {7, 33}}, {{1, 3}, {5, 1}}, {{}, {300, 65}}, {{0, 3}, {3}},
};

}  // namespace

TEST_CASE("divide of small numbers comes out as on paper, of a row and a column too") {
    const Tensor a = Tensor::from({3}, std::vector<double>{1, -6, 3}),
                 b = Tensor::from({3}, std::vector<double>{2, 3, -4});
    REQUIRE(divide(a, b).values() == std::vector<double>{0.5, -2, -0.75});
    const Tensor column = Tensor::from({2, 1}, std::vector<double>{2, -1});
    REQUIRE(divide(a, column).values() == std::vector<double>{0.5, -3, 1.5, -1, 6, -3});
    REQUIRE(divide(column, a).values()[5] == Approx(-1.0 / 3));
}

// a = tensor([[1., -2., 3.]]), b = tensor([[0.5], [-4.]]), (a / b).backward(tensor([[1., 2., -4.], [0.25, -1., 4.]]))
TEST_CASE("divide of repeated operands gives PyTorch's values and gradients") {
    const Tensor a = Tensor::from({1, 3}, std::vector<double>{1, -2, 3}),
                 b = Tensor::from({2, 1}, std::vector<double>{0.5, -4}),
                 c = Tensor::from({2, 3}, std::vector<double>{1, 2, -4, 0.25, -1, 4});
    const auto d = gradients_of(quotient, {a, b}, c);
    REQUIRE(divide(a, b).values() == std::vector<double>{2, -4, 6, -0.25, 0.5, -0.75});
    REQUIRE(d[0].values() == std::vector<double>{1.9375, 4.25, -9});
    REQUIRE(d[1].values() == std::vector<double>{60, -0.890625});
}

TEST_CASE("divide by 0 is infinite, or NaN for 0 / 0") {
    const auto y =
        divide(Tensor::from({3}, std::vector<double>{1, -1, 0}), Tensor::from({}, std::vector<double>{0})).values();
    REQUIRE(y[0] == std::numeric_limits<double>::infinity());
    REQUIRE(y[1] == -std::numeric_limits<double>::infinity());
    REQUIRE(std::isnan(y[2]));
}

TEST_CASE("divide's gradient is right where the square of the divisor is no float any more") {
    const Tensor a = Tensor::from({1}, std::vector<float>{2e30f}), b = Tensor::from({1}, std::vector<float>{1e30f}),
                 c = Tensor::from({1}, std::vector<float>{1});
    const auto d = gradients_of(quotient, {a, b}, c);
    REQUIRE(d[0].item() == Approx(1e-30));
    REQUIRE(d[1].item() == Approx(-2e-30));
}

TEST_CASE("divide agrees with multiply by the reciprocal, its gradient with the one of a tensor used twice") {
    for (const auto& [a, b] : pairs_of_shapes) {
        INFO(a.text() << " and " << b.text());
        const std::vector<Tensor> in{random_tensor(a, Random{9, 1}), divisor(b, Random{9, 2})};
        REQUIRE(largest_disagreement(
                    quotient, [](const auto& x) { return multiply(x[0], reciprocal(x[1])); }, in) < 1e-12);
    }
    const Tensor x = divisor({5}, Random{9, 3}), c = random_tensor({5}, Random{9, 4});
    const auto d = gradients_of([](const auto& in) { return divide(in[0], in[0]); }, {x}, c);
    REQUIRE(largest_difference(d[0], Tensor::zeros({5}, DType::float64)) < 1e-15);
}

TEST_CASE("divide in float agrees with double, its kernels with its loops, and bfloat16 with float") {
    for (const auto& [a, b] : pairs_of_shapes) {
        INFO(a.text() << " and " << b.text());
        const std::vector<Tensor> in{random_tensor(a, Random{9, 5}), divisor(b, Random{9, 6})};
        REQUIRE(largest_float_error(quotient, in) < 1e-4);  // sums of up to 20000 terms
        REQUIRE(largest_kernel_error(quotient, in, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(quotient, in, DType::float32) < 1e-5);
        REQUIRE(largest_bfloat16_error(quotient, in, {0, 1}) < 0.02);  // da and y are rounded, so is their product
    }
}

TEST_CASE("divide names shapes, dtypes and devices that do not fit") {
    const Tensor a = Tensor::zeros({2, 3});
    REQUIRE(error_of([&] {
                divide(a, Tensor::zeros({3, 2}));
            }) == "[divide] shapes [2, 3] and [3, 2] do not broadcast");
    REQUIRE(error_of([&] { divide(a, Tensor::zeros({3}, DType::float64)); }) ==
            "[divide] expects one dtype, got float32 and float64");
    REQUIRE(error_of([&] { divide(a, Tensor::zeros({3}, DType::float32, Device::cuda)); }) ==
            "[divide] a is float32 [2, 3] on cpu, but b is float32 [3] on cuda: all must be on one device");
    REQUIRE(error_of([] { divide(Tensor::zeros({2}, DType::int64), Tensor::zeros({2}, DType::int64)); }) ==
            "[divide] expects float32, float64 or bfloat16, got int64");
}

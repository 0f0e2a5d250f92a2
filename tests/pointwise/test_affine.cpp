#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor vector_of(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

const Function scaled = [](const std::vector<Tensor>& in) { return scale(in[0], 0.3); };
const Function moved = [](const std::vector<Tensor>& in) { return affine(in[0], -1.7, 0.4); };

}  // namespace

TEST_CASE("scale and affine of small numbers come out as on paper") {
    const Tensor x = vector_of({1, -2, 3}), c = vector_of({1, 2, 3});
    REQUIRE(scale(x, -0.5).values() == std::vector<double>{-0.5, 1, -1.5});
    REQUIRE(affine(x, 2, 10).values() == std::vector<double>{12, 6, 16});
    REQUIRE(affine(x, 1, -1).values() == std::vector<double>{0, -3, 2});
    const auto gradient_of = [&](const Function& f) { return gradients_of(f, {x}, c)[0].values(); };
    REQUIRE(gradient_of([](const auto& in) { return affine(in[0], 2, 10); }) == std::vector<double>{2, 4, 6});
    REQUIRE(gradient_of([](const auto& in) { return affine(in[0], 1, 10); }) == std::vector<double>{1, 2, 3});
    REQUIRE(gradient_of([](const auto& in) { return scale(in[0], -2); }) == std::vector<double>{-2, -4, -6});
}

TEST_CASE("scale keeps the sign of 0, on a device too") {
    const Tensor x = vector_of({0.0, -0.0});
    for (const Device device : {Device::cpu, Device::cuda}) {
        const auto y = scale(x.on(device), 3).values();
        REQUIRE_FALSE(std::signbit(y[0]));
        REQUIRE(std::signbit(y[1]));
    }
}

TEST_CASE("affine of a tensor used twice sends it the sum of both gradients, and its other reader its own") {
    const Tensor x = vector_of({1, 2}), c = vector_of({10, 20});
    const auto d = gradients_of([](const auto& in) { return add(affine(in[0], 1, 5), affine(in[0], 3, 0)); }, {x}, c);
    REQUIRE(d[0].values() == std::vector<double>{40, 80});
    REQUIRE(c.values() == std::vector<double>{10, 20});
}

TEST_CASE("scale and affine in float agree with double, their kernels with their loops, and bfloat16 with float") {
    for (const int64_t length : {0, 1, 33, 257, 20'001}) {
        INFO(length << " elements");
        const Tensor x = random_tensor({length}, Random{2, 15});
        for (const Function& f : {scaled, moved}) {
            REQUIRE(largest_float_error(f, {x}) < 2e-6);
            REQUIRE(largest_kernel_error(f, {x}, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(f, {x}, DType::float32) < 1e-6);
            REQUIRE(largest_bfloat16_error(f, {x}, {0}) < 0x1p-8);
        }
    }
}

TEST_CASE("scale and affine name the dtype that does not fit") {
    const Tensor label = Tensor::zeros({2}, DType::int64);
    REQUIRE(error_of([&] { scale(label, 2); }) == "[scale] expects float32, float64 or bfloat16, got int64");
    REQUIRE(error_of([&] { affine(label, 2, 1); }) == "[affine] expects float32, float64 or bfloat16, got int64");
}

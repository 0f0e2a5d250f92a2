#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Values = std::vector<double>;

const double nan_value = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();

// Every axis of these, also with sizes below a warp and above; and a row that is longer than a block.
const std::vector<Shape> shapes{{1}, {33}, {1030}, {7, 33}, {3, 40, 5}, {2, 1, 65, 3}};

// Few different numbers, so that many are equal.
Tensor with_equals(const Shape& shape) {
    const Tensor x = random_tensor(shape, Random{10, 1});
    for (double& value : x.span<double>()) value = std::round(value);
    return x;
}

}  // namespace

TEST_CASE("max and argmax along an axis are those of torch, and so is the gradient of max") {
    // x = (torch.arange(24.) * 7 % 11).reshape(2, 4, 3) - 5; x.max(1), then the gradient for the cotangent c
    const Tensor x = Tensor::from(
        {2, 4, 3}, Values{-5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2});
    const Function f = [](const auto& in) { return max(in[0], 1); };
    REQUIRE(f({x}).values() == Values{5, 2, -2, 2, -2, 5});
    REQUIRE(f({x}).shape() == Shape{2, 3});
    REQUIRE(max(x, -2, true).shape() == Shape{2, 1, 3});
    const Tensor at = argmax(x, 1);
    REQUIRE(at.dtype() == DType::int64);
    REQUIRE(at.shape() == Shape{2, 3});
    REQUIRE(at.values() == Values{1, 0, 0, 0, 0, 0});
    REQUIRE(argmax(x, 1, true).shape() == Shape{2, 1, 3});
    const Tensor c = Tensor::from({2, 3}, Values{0.5, -1.25, 2, 3, -0.75, 1.5});
    REQUIRE(gradients_of(f, {x}, c)[0].values() ==
            Values{0, -1.25, 2, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 3, -0.75, 1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("of several largest elements argmax has the first, and the first NaN before any number, as torch has") {
    // torch.argmax(x, 1): 1, 0, 0, 1, 0
    const Tensor x = Tensor::from({5, 4}, Values{1,         3,         3,         2,   //
                                                 -1,        -1,        -5,        -1,  //
                                                 nan_value, 7,         nan_value, 1,   //
                                                 1,         nan_value, infinite,  2,   //
                                                 -infinite, -infinite, -infinite, -infinite});
    const Tensor turned = permute(x, {1, 0});
    for (const Device device : {Device::cpu, Device::cuda}) {
        REQUIRE(argmax(x.on(device), 1).values() == Values{1, 0, 0, 1, 0});
        REQUIRE(argmax(turned.on(device), 0).values() == Values{1, 0, 0, 1, 0});
        const auto largest = max(x.on(device), 1).values();
        REQUIRE((largest[0] == 3 && largest[1] == -1 && largest[4] == -infinite));
        REQUIRE((std::isnan(largest[2]) && std::isnan(largest[3])));
    }
}

TEST_CASE("the gradient of max goes to the first largest element alone") {
    const Tensor x = Tensor::from({2, 3}, Values{4, 4, 1, 2, 7, 7}), c = Tensor::from({2}, Values{10, 20});
    const auto d = gradients_of([](const auto& in) { return max(in[0], 1); }, {x}, c);
    REQUIRE(d[0].values() == Values{10, 0, 0, 0, 20, 0});
}

TEST_CASE("the kernels of argmax and max agree with their loops, along every axis") {
    for (const Shape& shape : shapes)
        for (int axis = 0; axis < shape.rank(); ++axis) {
            INFO(shape.text() << " along axis " << axis);
            const Tensor x = random_tensor(shape, Random{10, 2}), equals = with_equals(shape);
            const Function f = [&](const auto& in) { return max(in[0], axis, true); };
            for (const DType dtype : {DType::float64, DType::float32}) {
                REQUIRE(largest_kernel_error(f, {x}, dtype) == 0);
                REQUIRE(same_bits(argmax(equals.to(dtype).on(Device::cuda), axis), argmax(equals.to(dtype), axis)));
            }
            REQUIRE(largest_float_error(f, {x}) == 0);
            REQUIRE(largest_bfloat16_error(f, {x}, {0}) < 0x1p-8);
        }
}

TEST_CASE("max of no results is none, but along an axis without elements there is no max") {
    for (const Device device : {Device::cpu, Device::cuda}) {
        const Tensor x = Tensor::zeros({0, 3}, DType::float32, device);
        REQUIRE(max(x, 1).shape() == Shape{0});
        REQUIRE(argmax(x, 1, true).shape() == Shape{0, 1});
        REQUIRE(error_of([&] { max(x, 0); }) == "[max] axis 0 of [0, 3] has no elements");
        REQUIRE(error_of([&] { argmax(x, -2); }) == "[argmax] axis 0 of [0, 3] has no elements");
    }
}

TEST_CASE("argmax has no gradient, and says so, and max and argmax name an axis that is not there") {
    Tensor x = counting({2, 3});
    REQUIRE(error_of([&] { max(x, 2); }) == "[max] [2, 3] has no axis 2");
    REQUIRE(error_of([&] { argmax(x, -3); }) == "[argmax] [2, 3] has no axis -3");
    REQUIRE(error_of([&] { argmax(Tensor::zeros({2}, DType::int64), 0); }) ==
            "[argmax] expects float32, float64 or bfloat16, got int64");
    require_gradient(x);
    const Tape tape;
    REQUIRE(error_of([&] { argmax(x, 0); }) == "[argmax] has no gradient; take its inputs detached() or use NoGrad");
    REQUIRE(argmax(x.detached(), 0).values() == Values{1, 1, 1});
}

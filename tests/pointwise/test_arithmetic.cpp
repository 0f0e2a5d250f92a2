#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor vector_of(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

// An operation that only this file knows, without kernels: y_i = x_i^2.
template <class T>
struct SquareOp {
    int64_t count;
    const T* x = nullptr;
    T* y = nullptr;

    void forward() const {
        for (int64_t i = 0; i < count; ++i) y[i] = x[i] * x[i];
    }
    void backward() const {}
};

}  // namespace

TEST_CASE("add, subtract, multiply and scale of small numbers come out as on paper") {
    const Tensor a = vector_of({1, -2, 3}), b = vector_of({10, 20, -30});
    REQUIRE(add(a, b).values() == std::vector<double>{11, 18, -27});
    REQUIRE(subtract(a, b).values() == std::vector<double>{-9, -22, 33});
    REQUIRE(multiply(a, b).values() == std::vector<double>{10, -40, -90});
    REQUIRE(scale(a, -0.5).values() == std::vector<double>{-0.5, 1, -1.5});
}

TEST_CASE("multiply by a constant saves work, not correctness") {
    const Tensor x = vector_of({1, 2}), k = vector_of({3, -4});
    const auto d = gradients_of([&](const auto& in) { return multiply(k, in[0]); }, {x}, vector_of({1, 1}));
    REQUIRE(d[0].values() == std::vector<double>{3, -4});
}

TEST_CASE("a tensor used twice receives the sum of both gradients") {
    const Tensor x = vector_of({1, -2, 3}), c = vector_of({0.5, 7, -11});
    const auto gradient_of = [&](const Function& f) { return gradients_of(f, {x}, c)[0].values(); };
    REQUIRE(gradient_of([](const auto& in) { return add(in[0], in[0]); }) == std::vector<double>{1, 14, -22});
    REQUIRE(gradient_of([](const auto& in) { return subtract(in[0], in[0]); }) == std::vector<double>{0, 0, 0});
    REQUIRE(gradient_of([](const auto& in) { return multiply(in[0], in[0]); }) == std::vector<double>{1, -28, -66});
}

TEST_CASE("add leaves the gradient it passes on to two inputs alone") {
    // dy reaches a and b as one tensor; a then receives more, which must not show in b.
    const Tensor a = vector_of({1, 2}), b = vector_of({3, 4}), c = vector_of({10, 20});
    const auto d = gradients_of([](const auto& in) { return add(add(in[0], in[1]), in[0]); }, {a, b}, c);
    REQUIRE(d[0].values() == std::vector<double>{20, 40});
    REQUIRE(d[1].values() == std::vector<double>{10, 20});
    REQUIRE(c.values() == std::vector<double>{10, 20});
}

TEST_CASE("add, subtract, multiply and scale in float agree with double, gradients too") {
    const std::vector<Tensor> two{random_tensor({3, 20'001}, Random{2, 2}), random_tensor({3, 20'001}, Random{2, 3})};
    REQUIRE(largest_float_error([](const auto& in) { return add(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return subtract(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return multiply(in[0], in[1]); }, two) < 4e-6);
    REQUIRE(largest_float_error([](const auto& in) { return scale(in[0], 0.3); }, {two[0]}) < 1e-6);
}

TEST_CASE("the kernels of add, subtract, multiply and scale agree with their loops, at any length and any address") {
    const Function both = [](const auto& in) {
        return add(multiply(in[0], in[1]), subtract(in[1], scale(in[0], -1.7)));
    };
    for (const int64_t length : {0, 1, 33, 257, 10'001}) {
        const std::vector<Tensor> two{random_tensor({length}, Random{2, 4}), random_tensor({length}, Random{2, 5})};
        INFO(length << " elements");
        REQUIRE(largest_kernel_error(both, two, DType::float64) < 1e-14);
        REQUIRE(largest_kernel_error(both, two, DType::float32) < 1e-6);
    }
    // Rows of 33 elements begin where no vector load may, each row somewhere else.
    const Tensor x = random_tensor({5, 33}, Random{2, 6});
    const Function of_rows = [](const auto& in) { return multiply(slice(in[0], 0, 1, 3), slice(in[0], 0, 2, 4)); };
    for (const DType dtype : {DType::float64, DType::float32})
        REQUIRE(largest_kernel_error(of_rows, {x}, dtype) < 1e-6);
    REQUIRE(largest_bfloat16_error(of_rows, {x}, {0}) < 0.02);
}

TEST_CASE("add, subtract, multiply and scale in bfloat16 round their results and nothing else") {
    const Tensor a = random_tensor({257}, Random{2, 7}), b = random_tensor({257}, Random{2, 8});
    REQUIRE(largest_bfloat16_error([](const auto& in) { return add(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return subtract(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return multiply(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return scale(in[0], 0.3); }, {a}, {0}) < 0x1p-8);
}

TEST_CASE("add, subtract and multiply name both shapes, or dtypes, that do not fit") {
    const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2}), wide = Tensor::zeros({2, 3}, DType::float64);
    REQUIRE(error_of([&] { add(a, b); }) == "[add] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { subtract(a, b); }) == "[subtract] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { multiply(a, b); }) == "[multiply] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { add(a, wide); }) == "[add] expects one dtype, got float32 and float64");
}

TEST_CASE("add and multiply refuse operands on two devices") {
    const Tensor here = Tensor::zeros({2, 4}), there = Tensor::zeros({2, 4}, DType::float32, Device::cuda);
    const std::string rest = "a is float32 [2, 4] on cpu, but b is float32 [2, 4] on cuda: all must be on one device";
    REQUIRE(error_of([&] { add(here, there); }) == "[add] " + rest);
    REQUIRE(error_of([&] { multiply(here, there); }) == "[multiply] " + rest);
}

TEST_CASE("an operation without kernels works on the CPU and is refused on a GPU") {
    const auto square = [](const Tensor& x, const auto& run) {
        const Tensor y = x.empty_like(x.shape());
        run("square", x, [&]<class T>(T) { return SquareOp<T>{.count = x.numel(), .x = ptr(x), .y = ptr(y)}; });
        return y;
    };
    const auto forward = [](auto... with) { run_forward(with...); };
    const auto backward = [](auto... with) { run_backward(with...); };
    const Tensor x = vector_of({1, -2, 3}), there = x.on(Device::cuda);
    REQUIRE(square(x, forward).values() == std::vector<double>{1, 4, 9});
    const std::string refusal = "[square] has no kernels, and x is float64 [3] on cuda";
    REQUIRE(error_of([&] { square(there, forward); }) == refusal);
    REQUIRE(error_of([&] { square(there, backward); }) == refusal);
}

#include "core/scalar.h"
#include "ops/ops.h"
#include "ops/pointwise/pointwise.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Unary = Tensor (*)(const Tensor&);
using Scalar = double (*)(double);
struct UnaryCase {
    const char* name;
    Unary op;
    Scalar reference;
    double float_tolerance;
};

const std::vector<UnaryCase>& unary_cases() {
    static const std::vector<UnaryCase> cases{
        {"relu", relu, [](double x) { return std::fmax(x, 0.0); }, 1e-7},
        {"gelu", gelu, [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }, 2e-6},
        {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 1e-6},
        {"exp", exp, [](double x) { return std::exp(x); }, 1e-4},  // e^4 = 55: values of that size
        {"log", [](const Tensor& x) { return log(exp(x)); }, [](double x) { return x; }, 2e-6},
    };
    return cases;
}

Tensor vector_of(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

// A function that only this file knows.
struct Square {
    template <class T>
    static T value(T x) {
        return x * x;
    }
    template <class T>
    static T slope(T x) {
        return 2 * x;
    }
};

}  // namespace

TEST_CASE("pointwise operations of small numbers come out as on paper") {
    const Tensor a = vector_of({1, -2, 3}), b = vector_of({10, 20, -30});
    REQUIRE(add(a, b).values() == std::vector<double>{11, 18, -27});
    REQUIRE(subtract(a, b).values() == std::vector<double>{-9, -22, 33});
    REQUIRE(multiply(a, b).values() == std::vector<double>{10, -40, -90});
    REQUIRE(scale(a, -0.5).values() == std::vector<double>{-0.5, 1, -1.5});
    REQUIRE(relu(a).values() == std::vector<double>{1, 0, 3});
    REQUIRE(gelu(a).values()[0] == Approx(0.8413447460685429));  // Phi(1)
    REQUIRE(sigmoid(vector_of({0})).item() == 0.5);
    REQUIRE(exp(vector_of({1})).item() == Approx(2.718281828459045));
    REQUIRE(log(vector_of({10})).item() == Approx(2.302585092994046));
}

TEST_CASE("pointwise operations agree with the standard library at any length") {
    for (const int64_t length : {0, 1, 33, 257, 40'000}) {
        const Tensor x = random_tensor({length}, Random{2, 1});
        const auto xs = x.values();
        for (const UnaryCase& one : unary_cases()) {
            INFO(one.name << " of " << length);
            const auto ys = one.op(x).values();
            double largest = 0;
            for (size_t i = 0; i < xs.size(); ++i) largest = std::fmax(largest, std::abs(ys[i] - one.reference(xs[i])));
            REQUIRE(ys.size() == xs.size());
            REQUIRE(largest < 1e-12);
        }
    }
}

TEST_CASE("pointwise operations in float agree with double, gradients too") {
    const std::vector<Tensor> two{random_tensor({3, 20'001}, Random{2, 2}), random_tensor({3, 20'001}, Random{2, 3})};
    for (const UnaryCase& one : unary_cases()) {
        // relu's slope jumps at 0, where rounding decides; both sides see the same rounded x, so nothing differs here.
        INFO(one.name);
        REQUIRE(largest_float_error([&](const auto& in) { return one.op(in[0]); }, {two[0]}) < 4 * one.float_tolerance);
    }
    REQUIRE(largest_float_error([](const auto& in) { return add(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return subtract(in[0], in[1]); }, two) < 1e-6);
    REQUIRE(largest_float_error([](const auto& in) { return multiply(in[0], in[1]); }, two) < 4e-6);
    REQUIRE(largest_float_error([](const auto& in) { return scale(in[0], 0.3); }, {two[0]}) < 1e-6);
}

TEST_CASE("a tensor used twice receives the sum of both gradients") {
    const Tensor x = vector_of({1, -2, 3}), c = vector_of({0.5, 7, -11});
    const auto gradient_of = [&](const Function& f) { return gradients_of(f, {x}, c)[0].values(); };
    REQUIRE(gradient_of([](const auto& in) { return add(in[0], in[0]); }) == std::vector<double>{1, 14, -22});
    REQUIRE(gradient_of([](const auto& in) { return subtract(in[0], in[0]); }) == std::vector<double>{0, 0, 0});
    REQUIRE(gradient_of([](const auto& in) { return multiply(in[0], in[0]); }) == std::vector<double>{1, -28, -66});
    for (const UnaryCase& one : unary_cases()) {
        INFO(one.name);
        const auto once = gradients_of([&](const auto& in) { return one.op(in[0]); }, {x}, c)[0];
        const auto twice = gradients_of([&](const auto& in) { return add(one.op(in[0]), one.op(in[0])); }, {x}, c)[0];
        REQUIRE(largest_difference(twice, scale(once, 2)) < 1e-14);
    }
}

TEST_CASE("add leaves the gradient it passes on to two inputs alone") {
    // dy reaches a and b as one tensor; a then receives more, which must not show in b.
    const Tensor a = vector_of({1, 2}), b = vector_of({3, 4}), c = vector_of({10, 20});
    const auto d = gradients_of([](const auto& in) { return add(add(in[0], in[1]), in[0]); }, {a, b}, c);
    REQUIRE(d[0].values() == std::vector<double>{20, 40});
    REQUIRE(d[1].values() == std::vector<double>{10, 20});
    REQUIRE(c.values() == std::vector<double>{10, 20});
}

TEST_CASE("relu passes no gradient at 0") {
    const Tensor x = vector_of({-1, 0, 1}), c = vector_of({5, 5, 5});
    REQUIRE(gradients_of([](const auto& in) { return relu(in[0]); }, {x}, c)[0].values() ==
            std::vector<double>{0, 0, 5});
}

TEST_CASE("multiply by a constant saves work, not correctness") {
    const Tensor x = vector_of({1, 2}), k = vector_of({3, -4});
    const auto d = gradients_of([&](const auto& in) { return multiply(k, in[0]); }, {x}, vector_of({1, 1}));
    REQUIRE(d[0].values() == std::vector<double>{3, -4});
}

TEST_CASE("pointwise operations name both shapes, or the dtype, that do not fit") {
    const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2}), wide = Tensor::zeros({2, 3}, DType::float64);
    const Tensor label = Tensor::zeros({2}, DType::int64);
    REQUIRE(error_of([&] { add(a, b); }) == "[add] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { subtract(a, b); }) == "[subtract] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { multiply(a, b); }) == "[multiply] expects equal shapes, got [2, 3] and [3, 2]");
    REQUIRE(error_of([&] { add(a, wide); }) == "[add] expects one dtype, got float32 and float64");
    REQUIRE(error_of([&] { gelu(label); }) == "[gelu] expects float32, float64 or bfloat16, got int64");
}

TEST_CASE("the kernels of pointwise operations agree with their loops, at any length and any address") {
    const Function binary = [](const auto& in) {
        return add(multiply(in[0], in[1]), subtract(in[1], scale(in[0], -1.7)));
    };
    for (const int64_t length : {0, 1, 33, 257, 10'001}) {
        const std::vector<Tensor> two{random_tensor({length}, Random{2, 4}), random_tensor({length}, Random{2, 5})};
        INFO(length << " elements");
        REQUIRE(largest_kernel_error(binary, two, DType::float64) < 1e-14);
        REQUIRE(largest_kernel_error(binary, two, DType::float32) < 1e-6);
        for (const UnaryCase& one : unary_cases()) {
            INFO(one.name);
            const Function f = [&](const auto& in) { return one.op(in[0]); };
            REQUIRE(largest_kernel_error(f, {two[0]}, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(f, {two[0]}, DType::float32) < 1e-6);
        }
    }
    // Rows of 33 elements begin where no vector load may, each row somewhere else.
    const Tensor x = random_tensor({5, 33}, Random{2, 6});
    const Function of_rows = [](const auto& in) { return gelu(multiply(rows(in[0], 1, 3), rows(in[0], 2, 4))); };
    for (const DType dtype : {DType::float64, DType::float32})
        REQUIRE(largest_kernel_error(of_rows, {x}, dtype) < 1e-6);
    REQUIRE(largest_bfloat16_error(of_rows, {x}, {0}) < 0.02);
}

TEST_CASE("pointwise operations in bfloat16 round their results and nothing else") {
    const Tensor a = random_tensor({257}, Random{2, 7}), b = random_tensor({257}, Random{2, 8});
    for (const UnaryCase& one : unary_cases()) {
        if (std::string(one.name) == "log") continue;  // of exp: two roundings
        INFO(one.name);
        REQUIRE(largest_bfloat16_error([&](const auto& in) { return one.op(in[0]); }, {a}, {0}) < 0x1p-8);
    }
    REQUIRE(largest_bfloat16_error([](const auto& in) { return log(in[0]); }, {multiply(a, a)}, {0}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return add(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return subtract(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return multiply(in[0], in[1]); }, {a, b}, {0, 1}) < 0x1p-8);
    REQUIRE(largest_bfloat16_error([](const auto& in) { return scale(in[0], 0.3); }, {a}, {0}) < 0x1p-8);
}

TEST_CASE("a pointwise function without kernels works on the CPU and is refused on a GPU") {
    const Tensor x = vector_of({1, -2, 3});
    REQUIRE(pointwise<Square>("square", x).values() == std::vector<double>{1, 4, 9});
    REQUIRE(gradients_of([](const auto& in) { return pointwise<Square>("square", in[0]); }, {x}, x)[0].values() ==
            std::vector<double>{2, 8, 18});
    REQUIRE(error_of([&] { pointwise<Square>("square", x.on(Device::cuda)); }) ==
            "[square] has no kernels (cuda/pointwise/pointwise_kernels.h makes them), and x is float64 [3] on cuda");
}

TEST_CASE("pointwise operations refuse operands on two devices") {
    const Tensor here = Tensor::zeros({2, 4}), there = Tensor::zeros({2, 4}, DType::float32, Device::cuda);
    const std::string rest = "a is float32 [2, 4] on cpu, but b is float32 [2, 4] on cuda: all must be on one device";
    REQUIRE(error_of([&] { add(here, there); }) == "[add] " + rest);
    REQUIRE(error_of([&] { multiply(here, there); }) == "[multiply] " + rest);
}

#include "core/scalar.h"
#include "ops/ops.h"
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

}  // namespace

TEST_CASE("relu, gelu, sigmoid, exp and log of small numbers come out as on paper") {
    REQUIRE(relu(vector_of({1, -2, 3})).values() == std::vector<double>{1, 0, 3});
    REQUIRE(gelu(vector_of({1})).item() == Approx(0.8413447460685429));  // Phi(1)
    REQUIRE(sigmoid(vector_of({0})).item() == 0.5);
    REQUIRE(exp(vector_of({1})).item() == Approx(2.718281828459045));
    REQUIRE(log(vector_of({10})).item() == Approx(2.302585092994046));
}

TEST_CASE("relu passes no gradient at 0") {
    const Tensor x = vector_of({-1, 0, 1}), c = vector_of({5, 5, 5});
    REQUIRE(gradients_of([](const auto& in) { return relu(in[0]); }, {x}, c)[0].values() ==
            std::vector<double>{0, 0, 5});
}

TEST_CASE("pointwise functions agree with the standard library at any length") {
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

TEST_CASE("pointwise functions in float agree with double, gradients too") {
    const Tensor x = random_tensor({3, 20'001}, Random{2, 2});
    for (const UnaryCase& one : unary_cases()) {
        // relu's slope jumps at 0, where rounding decides; both sides see the same rounded x, so nothing differs here.
        INFO(one.name);
        REQUIRE(largest_float_error([&](const auto& in) { return one.op(in[0]); }, {x}) < 4 * one.float_tolerance);
    }
}

TEST_CASE("a pointwise function of a tensor used twice sends it the sum of both gradients") {
    const Tensor x = vector_of({1, -2, 3}), c = vector_of({0.5, 7, -11});
    for (const UnaryCase& one : unary_cases()) {
        INFO(one.name);
        const auto once = gradients_of([&](const auto& in) { return one.op(in[0]); }, {x}, c)[0];
        const auto twice = gradients_of([&](const auto& in) { return add(one.op(in[0]), one.op(in[0])); }, {x}, c)[0];
        REQUIRE(largest_difference(twice, scale(once, 2)) < 1e-14);
    }
}

TEST_CASE("the kernels of pointwise functions agree with their loops, at any length and any address") {
    for (const int64_t length : {0, 1, 33, 257, 10'001})
        for (const UnaryCase& one : unary_cases()) {
            INFO(one.name << " of " << length);
            const Function f = [&](const auto& in) { return one.op(in[0]); };
            const Tensor x = random_tensor({length}, Random{2, 4});
            REQUIRE(largest_kernel_error(f, {x}, DType::float64) < 1e-14);
            REQUIRE(largest_kernel_error(f, {x}, DType::float32) < 1e-6);
        }
    // Rows of 33 elements begin where no vector load may, each row somewhere else.
    const Tensor x = random_tensor({5, 33}, Random{2, 6});
    const Function of_rows = [](const auto& in) { return gelu(slice(in[0], 0, 1, 3)); };
    for (const DType dtype : {DType::float64, DType::float32})
        REQUIRE(largest_kernel_error(of_rows, {x}, dtype) < 1e-6);
    REQUIRE(largest_bfloat16_error(of_rows, {x}, {0}) < 0.02);
}

TEST_CASE("pointwise functions in bfloat16 round their results and nothing else") {
    const Tensor a = random_tensor({257}, Random{2, 7});
    for (const UnaryCase& one : unary_cases()) {
        if (std::string(one.name) == "log") continue;  // of exp: two roundings
        INFO(one.name);
        REQUIRE(largest_bfloat16_error([&](const auto& in) { return one.op(in[0]); }, {a}, {0}) < 0x1p-8);
    }
    REQUIRE(largest_bfloat16_error([](const auto& in) { return log(in[0]); }, {multiply(a, a)}, {0}) < 0x1p-8);
}

TEST_CASE("pointwise functions name the dtype that does not fit") {
    const Tensor label = Tensor::zeros({2}, DType::int64);
    REQUIRE(error_of([&] { gelu(label); }) == "[gelu] expects float32, float64 or bfloat16, got int64");
}

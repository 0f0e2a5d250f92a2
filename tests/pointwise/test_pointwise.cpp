#include "core/scalar.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>
#include <string>

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
        {"silu", silu, [](double x) { return x / (1 + std::exp(-x)); }, 2e-6},
        {"tanh", tanh, [](double x) { return std::tanh(x); }, 1e-6},
        {"abs", abs, [](double x) { return std::abs(x); }, 1e-7},
        {"square", [](const Tensor& x) { return pow(x, 2); }, [](double x) { return x * x; }, 2e-6},
        {"cube", [](const Tensor& x) { return pow(x, 3); }, [](double x) { return x * x * x; }, 2e-5},
        {"sqrt of squares", [](const Tensor& x) { return sqrt(affine(pow(x, 2), 1, 0.1)); },
         [](double x) { return std::sqrt(x * x + 0.1); }, 2e-6},
        {"reciprocal", [](const Tensor& x) { return reciprocal(affine(pow(x, 2), 1, 0.5)); },
         [](double x) { return 1 / (x * x + 0.5); }, 2e-6},
        {"pow of exp", [](const Tensor& x) { return pow(exp(x), -0.7); }, [](double x) { return std::exp(-0.7 * x); },
         2e-5},
        {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 1e-6},
        {"exp", exp, [](double x) { return std::exp(x); }, 1e-4},  // e^4 = 55: values of that size
        {"log", [](const Tensor& x) { return log(exp(x)); }, [](double x) { return x; }, 2e-6},
    };
    return cases;
}

bool composed(const UnaryCase& one) {
    const std::string name = one.name;
    return name == "log" || name == "reciprocal" || name == "sqrt of squares" || name == "pow of exp";
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

// The values and the gradients of y.backward(tensor([1., -2., 0.5])) for x = tensor([0.3, s, 2.5]), s = -1.2, or 1.2
// for sqrt and x.pow(1.7). silu is that of torch.nn.functional.
TEST_CASE("silu, tanh, abs, reciprocal, sqrt and pow give PyTorch's values and gradients") {
    struct Expected {
        Function f;
        double second;
        std::vector<double> y, dx;
    };
    const auto power = [](double exponent) { return Function([=](const auto& in) { return pow(in[0], exponent); }); };
    const std::vector<Expected> all{
        {[](const auto& in) { return silu(in[0]); },
         -1.2,
         {0.1723327550434977, -0.2777702598011788, 2.3103545499468914},
         {0.6477800103188829, -0.03600377544963104, 0.5497005556707634}},
        {[](const auto& in) { return tanh(in[0]); },
         -1.2,
         {0.2913126124515909, -0.8336546070121552, 0.9866142981514303},
         {0.9151369618266292, -0.6100399924148181, 0.013296113341580285}},
        {[](const auto& in) { return abs(in[0]); }, -1.2, {0.3, 1.2, 2.5}, {1, 2, 0.5}},
        {[](const auto& in) { return reciprocal(in[0]); },
         -1.2,
         {3.3333333333333335, -0.8333333333333334, 0.4},
         {-11.111111111111112, 1.388888888888889, -0.08}},
        {power(3), -1.2, {0.027, -1.728, 15.625}, {0.27, -8.64, 9.375}},
        {power(-2),
         -1.2,
         {11.11111111111111, 0.6944444444444444, 0.16},
         {-74.07407407407408, -2.314814814814815, -0.064}},
        {[](const auto& in) { return sqrt(in[0]); },
         1.2,
         {0.5477225575051661, 1.0954451150103321, 1.5811388300841898},
         {0.9128709291752769, -0.9128709291752769, 0.15811388300841897}},
        {power(1.7),
         1.2,
         {0.12915348607498026, 1.3633523726386663, 4.747861205827337},
         {0.7318697544248881, -3.8628317224762214, 1.6142728099812944}},
    };
    for (const Expected& one : all) {
        const Tensor x = vector_of({0.3, one.second, 2.5});
        const auto y = one.f({x}).values(), dx = gradients_of(one.f, {x}, vector_of({1, -2, 0.5}))[0].values();
        for (size_t i = 0; i < 3; ++i) {
            REQUIRE(y[i] == Approx(one.y[i]).epsilon(1e-14));
            REQUIRE(dx[i] == Approx(one.dx[i]).epsilon(1e-14));
        }
    }
}

// As PyTorch's are.
TEST_CASE("at 0 and below the slopes of abs, sqrt, reciprocal and pow are what their headers say") {
    const auto slope = [](const Function& f, double at) {
        return gradients_of(f, {vector_of({at})}, vector_of({1}))[0].item();
    };
    const auto power = [](double exponent) { return Function([=](const auto& in) { return pow(in[0], exponent); }); };
    const double infinity = std::numeric_limits<double>::infinity();
    REQUIRE(slope([](const auto& in) { return abs(in[0]); }, 0) == 0);
    REQUIRE(slope([](const auto& in) { return sqrt(in[0]); }, 0) == infinity);
    REQUIRE(slope([](const auto& in) { return reciprocal(in[0]); }, 0) == -infinity);
    REQUIRE(slope(power(0), 0) == 0);
    REQUIRE(slope(power(0.5), 0) == infinity);
    REQUIRE(slope(power(1), 0) == 1);
    REQUIRE(slope(power(2), 0) == 0);
    REQUIRE(slope(power(-1), 0) == -infinity);
    REQUIRE(pow(vector_of({0}), 0).item() == 1);
    REQUIRE(pow(vector_of({0}), -1).item() == infinity);
    REQUIRE(pow(vector_of({-2}), 3).item() == -8);
    REQUIRE(slope(power(3), -2) == 12);
    REQUIRE(std::isnan(pow(vector_of({-2}), 0.5).item()));
    REQUIRE(std::isnan(slope(power(0.5), -2)));
    REQUIRE(std::isnan(sqrt(vector_of({-1})).item()));
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
        if (composed(one)) continue;  // two roundings and more
        INFO(one.name);
        REQUIRE(largest_bfloat16_error([&](const auto& in) { return one.op(in[0]); }, {a}, {0}) < 0x1p-8);
    }
    const Tensor positive = affine(multiply(a, a), 1, 0.1);
    for (const Unary f :
         {Unary(log), Unary(sqrt), Unary(reciprocal), Unary([](const Tensor& x) { return pow(x, 1.7); })})
        REQUIRE(largest_bfloat16_error([&](const auto& in) { return f(in[0]); }, {positive}, {0}) < 0x1p-8);
}

TEST_CASE("pointwise functions name the dtype that does not fit") {
    const Tensor label = Tensor::zeros({2}, DType::int64);
    REQUIRE(error_of([&] { gelu(label); }) == "[gelu] expects float32, float64 or bfloat16, got int64");
}

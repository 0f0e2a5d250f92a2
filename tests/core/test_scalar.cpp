#include "core/scalar.h"

#include "tests/support/catch.h"

#include <algorithm>
#include <limits>
#include <vector>

using namespace swingrad;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// `count` floats evenly over [from, to].
std::vector<float> between(float from, float to, int count) {
    std::vector<float> xs;
    for (int i = 0; i < count; ++i)
        xs.push_back(from + (to - from) * static_cast<float>(i) / static_cast<float>(count - 1));
    return xs;
}

// The largest |f(x) - exact(x)|, relative to `size(x)`.
template <class F, class Exact, class Size>
double largest_error(const std::vector<float>& xs, F f, Exact exact, Size size) {
    double largest = 0;
    for (const float x : xs) {
        const double wide = x, error = std::abs(f(x) - exact(wide)) / size(wide);
        largest = std::isfinite(error) ? std::max(largest, error) : double{infinity};
    }
    return largest;
}

constexpr auto one = [](double) { return 1.0; };

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double gelu_slope(double x) {
    return normal_distribution(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::acos(-1.0));
}

template <class F>
void require_slope(double x) {
    const double step = 1e-5;
    INFO("x = " << x);
    REQUIRE(F::slope(x) == Approx((F::value(x + step) - F::value(x - step)) / (2 * step)).epsilon(1e-8).margin(1e-9));
}

}  // namespace

TEST_CASE("fast_exp is within 1e-7 of e^x wherever that is a normal number") {
    const auto exact = [](double x) { return std::exp(x); };
    const auto fast = [](float x) { return double{fast_exp(x)}; };
    REQUIRE(largest_error(between(-86.98f, 88.72f, 2'000'001), fast, exact, exact) < 1e-7);
    REQUIRE(largest_error(between(-1e-3f, 1e-3f, 20'001), fast, exact, exact) < 1e-7);
}

TEST_CASE("fast_exp ends in 0 and infinity, keeps NaN, and is exact at 0") {
    for (const float x : {-87.0f, -87.3f, -88.0f, -104.0f, -1e30f, -infinity}) REQUIRE(fast_exp(x) == 0);
    for (const float x : {88.73f, 89.0f, 100.0f, 1e30f, infinity}) REQUIRE(fast_exp(x) == infinity);
    REQUIRE(std::isnan(fast_exp(std::numeric_limits<float>::quiet_NaN())));
    REQUIRE(fast_exp(0.0f) == 1.0f);
    REQUIRE(fast_exp(-0.0f) == 1.0f);
}

TEST_CASE("gelu in float is within 5e-7 of x Phi(x), its slope within 4e-7") {
    const auto xs = between(-15, 15, 1'000'001);
    const auto exact = [](double x) { return x * normal_distribution(x); };
    REQUIRE(largest_error(
                xs, [](float x) { return double{Gelu::value(x)}; }, exact, one) < 5e-7);
    REQUIRE(largest_error(
                xs, [](float x) { return double{Gelu::slope(x)}; }, gelu_slope, one) < 4e-7);
}

TEST_CASE("gelu for bfloat16 is within 2e-5 of x Phi(x), its slope within 7e-5, beyond its limits too") {
    std::vector<float> xs = between(-15, 15, 1'000'001);
    const auto exact = [](double x) { return x * normal_distribution(x); };
    const auto value = [](float x) {
        float both, slope;
        GeluForBfloat16::value_and_slope(x, both, slope);
        return GeluForBfloat16::value(x) == both ? double{both} : std::nan("");
    };
    const auto slope = [](float x) {
        float both, result;
        GeluForBfloat16::value_and_slope(x, both, result);
        return double{result};
    };
    REQUIRE(largest_error(xs, value, exact, one) < 2e-5);
    REQUIRE(largest_error(xs, slope, gelu_slope, one) < 7e-5);
    for (const float x : {1e3f, 1e30f}) {
        REQUIRE(GeluForBfloat16::value(x) == Approx(x));
        REQUIRE(std::abs(GeluForBfloat16::value(-x)) < 1e-5);
        REQUIRE(slope(x) == Approx(1));
        REQUIRE(std::abs(slope(-x)) < 1e-6);
    }
    REQUIRE(std::isnan(value(std::numeric_limits<float>::quiet_NaN())));
    REQUIRE(std::isnan(slope(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("gelu in double is accurate to rounding, in the tail too") {
    for (const double x : {-30.0, -8.0, -1.0, -1e-9, 0.0, 0.3, 5.0, 40.0}) {
        REQUIRE(Gelu::value(x) == Approx(x * normal_distribution(x)).epsilon(1e-12));
        REQUIRE(Gelu::slope(x) == Approx(gelu_slope(x)).epsilon(1e-12));
    }
    // Phi(-8), from tables; (1 + erf(-8 / sqrt(2))) / 2 is wrong in the second digit.
    REQUIRE(Gelu::value(-8.0) == Approx(-8 * 6.220960574271785e-16).epsilon(1e-13));
}

TEST_CASE("gelu gives value and slope together as it gives them apart") {
    for (const float x : between(-9, 9, 1001)) {
        float value = 0, slope = 0;
        Gelu::value_and_slope(x, value, slope);
        REQUIRE(value == Approx(Gelu::value(x)).margin(1e-7));
        REQUIRE(slope == Approx(Gelu::slope(x)).margin(1e-7));
    }
}

TEST_CASE("gelu of huge numbers is 0 or the number itself") {
    for (const float x : {20.0f, 1e10f, 1e30f}) {
        REQUIRE(Gelu::value(x) == x);
        REQUIRE(Gelu::slope(x) == 1);
        REQUIRE(Gelu::value(-x) == 0);
        REQUIRE(Gelu::slope(-x) == 0);
    }
}

TEST_CASE("sigmoid and its slope keep their relative accuracy on both sides") {
    const auto xs = between(-80, 80, 200'001);
    const auto exact = [](double x) { return 1 / (1 + std::exp(-x)); };
    const auto exact_slope = [](double x) { return 1 / ((1 + std::exp(-x)) * (1 + std::exp(x))); };
    REQUIRE(largest_error(
                xs, [](float x) { return double{Sigmoid::value(x)}; }, exact, exact) < 3e-7);
    REQUIRE(largest_error(
                xs, [](float x) { return double{Sigmoid::slope(x)}; }, exact_slope, exact_slope) < 5e-7);
    REQUIRE(Sigmoid::value(-infinity) == 0);
    REQUIRE(Sigmoid::value(infinity) == 1);
    REQUIRE(Sigmoid::slope(-infinity) == 0);
    REQUIRE(Sigmoid::slope(infinity) == 0);
}

TEST_CASE("relu does not hide a NaN") {
    REQUIRE(std::isnan(Relu::value(std::numeric_limits<float>::quiet_NaN())));
    REQUIRE(Relu::value(-1.0f) == 0);
    REQUIRE(Relu::slope(0.0f) == 0);
    REQUIRE(Abs::slope(0.0f) == 0);
    REQUIRE(Abs::slope(-0.0) == 0);
}

TEST_CASE("tanh in float is within 3e-7 of its value, and so is its slope") {
    std::vector<float> xs = between(-12, 12, 1'000'001);
    for (const float x : between(-1e-3f, 1e-3f, 20'000)) xs.push_back(x);  // 0 is not among them
    xs.erase(std::find(xs.begin(), xs.end(), 0.0f));
    const auto exact = [](double x) { return std::tanh(x); };
    const auto slope = [](double x) { return 1 / (std::cosh(x) * std::cosh(x)); };
    REQUIRE(largest_error(
                xs, [](float x) { return double{Tanh::value(x)}; }, exact,
                [&](double x) { return std::abs(exact(x)); }) < 3e-7);
    REQUIRE(largest_error(
                xs, [](float x) { return double{Tanh::slope(x)}; }, slope, slope) < 6e-7);
    REQUIRE(Tanh::value(0.0f) == 0);
    REQUIRE(Tanh::slope(0.0f) == 1);
    for (const float x : {20.0f, 1e30f, infinity}) {
        REQUIRE(Tanh::value(x) == 1);
        REQUIRE(Tanh::value(-x) == -1);
        REQUIRE(std::abs(Tanh::slope(x)) < 1e-16);
    }
    REQUIRE(std::isnan(Tanh::value(std::numeric_limits<float>::quiet_NaN())));
    REQUIRE(std::isnan(Tanh::slope(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("silu in float is within 4e-7 of its value, its slope within 5e-7") {
    const auto xs = between(-100, 100, 1'000'001);
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    const auto exact = [&](double x) { return x * sigmoid(x); };
    const auto slope = [&](double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); };
    const auto size = [](double x) { return std::max(1.0, std::abs(x)); };
    REQUIRE(largest_error(
                xs, [](float x) { return double{Silu::value(x)}; }, exact, size) < 4e-7);
    REQUIRE(largest_error(
                xs, [](float x) { return double{Silu::slope(x)}; }, slope, one) < 5e-7);
}

TEST_CASE("pow in float is within a few roundings of its value and its slope") {
    for (const double exponent : {-2.5, -1.0, 0.3, 1.7, 3.0}) {
        INFO(exponent);
        const Pow pow{exponent};
        const auto xs = between(0.01f, 20, 100'001);
        const auto exact = [&](double x) { return std::pow(x, exponent); };
        const auto slope = [&](double x) { return exponent * std::pow(x, exponent - 1); };
        REQUIRE(largest_error(
                    xs, [&](float x) { return double{pow.value(x)}; }, exact, exact) < 4e-7);
        REQUIRE(largest_error(
                    xs, [&](float x) { return double{pow.slope(x)}; }, slope,
                    [&](double x) { return std::abs(slope(x)); }) < 6e-7);
    }
}

TEST_CASE("every slope is the derivative of its value") {
    for (const double x : {-3.1, -1.0, -0.2, 0.4, 1.3, 4.0}) {
        require_slope<Relu>(x);
        require_slope<Gelu>(x);
        require_slope<Sigmoid>(x);
        require_slope<Exp>(x);
        require_slope<Silu>(x);
        require_slope<Tanh>(x);
        require_slope<Abs>(x);
        require_slope<Reciprocal>(x);
        require_slope<Square>(x);
        if (x > 0) require_slope<Log>(x);
        if (x > 0) require_slope<Sqrt>(x);
    }
    REQUIRE(Relu::slope(0.0) == 0);
    REQUIRE(Relu::slope(0.0f) == 0);
    REQUIRE(Abs::slope(0.0f) == 0);
    REQUIRE(Abs::slope(-0.0) == 0);
}

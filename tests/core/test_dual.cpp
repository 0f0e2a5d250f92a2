#include "core/dual.h"

#include "core/factories.h"
#include "core/io/print.h"
#include "core/io/safetensors.h"
#include "core/scalar.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <algorithm>
#include <functional>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

void require_same(Dual a, Dual b) {
    INFO(a.value << " + " << a.tangent << " eps, expected " << b.value << " + " << b.tangent << " eps");
    REQUIRE(a.value == Approx(b.value).epsilon(1e-15).margin(1e-300));
    REQUIRE(a.tangent == Approx(b.tangent).epsilon(1e-15).margin(1e-300));
}

// Value as double has it, tangent as a central difference has it.
template <class F>
void require_right(const F& f, std::initializer_list<double> places) {
    for (const double x : places) {
        INFO("x = " << x);
        const double step = 1e-5, along = 0.7;
        const Dual y = f(Dual(x, along));
        REQUIRE(y.value == f(x));
        REQUIRE(y.tangent == Approx(along * (f(x + step) - f(x - step)) / (2 * step)).epsilon(1e-8).margin(1e-9));
    }
}

template <class F>
void require_right_scalar(F f, std::initializer_list<double> places) {
    require_right([&](auto x) { return f.value(x); }, places);
    require_right([&](auto x) { return f.slope(x); }, places);
    for (const double x : places) {  // what forward mode makes of the value is the slope
        INFO("x = " << x);
        REQUIRE(f.value(Dual(x, 1)).tangent == Approx(f.slope(x)).epsilon(1e-12).margin(1e-15));
    }
}

template <class T>
T sum_of(const std::vector<T>& numbers) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < numbers.size(); ++i) sum += numbers[i];
    return sum;
}
template <class T>
T largest_of(const std::vector<T>& numbers) {
    T largest = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < numbers.size(); ++i) largest = numbers[i] > largest ? numbers[i] : largest;
    return largest;
}

Tensor pair() { return Tensor::from({2}, std::vector<Dual>{{1.5, -2.25}, {-3, 0.5}}); }

}  // namespace

TEST_CASE("arithmetic of dual numbers: worked by hand, eps^2 being 0") {
    const Dual a{3, 2}, b{5, -4};
    require_same(a + b, {8, -2});
    require_same(a - b, {-2, 6});
    require_same(a * b, {15, 2 * 5 + 3 * -4});            // (3 + 2 eps)(5 - 4 eps) = 15 - 2 eps
    require_same(a / b, {0.6, (2 * 5 - 3 * -4) / 25.0});  // (a' b - a b') / b^2
    require_same(-a, {-3, -2});
    require_same(+a, a);
    require_same(1 / a, {1 / 3.0, -2 / 9.0});
    require_same(a / 2, {1.5, 1});
    require_same(2.5 * a, {7.5, 5});
    require_same(a - int64_t{1}, {2, 2});
    Dual c = a;
    c += b, c *= 2, c -= 1, c /= 5;
    require_same(c, {3, -0.8});
}

TEST_CASE("numbers become dual numbers as constants, and dual numbers become no others") {
    require_same(Dual(7), {7, 0});
    require_same(static_cast<Dual>(2.5f), {2.5, 0});
    STATIC_REQUIRE(std::is_convertible_v<double, Dual>);
    STATIC_REQUIRE(std::is_convertible_v<int64_t, Dual>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<double, Dual>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<float, Dual>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<Dual>);
    STATIC_REQUIRE(sizeof(Dual) == 16);
    STATIC_REQUIRE(std::is_same_v<acc_type<Dual>, Dual>);
    STATIC_REQUIRE(std::is_same_v<long_sum_type<Dual>, Dual>);
}

TEST_CASE("dual numbers are compared by their values") {
    const Dual low{1, 100}, high{2, -100};
    REQUIRE(low < high);
    REQUIRE(high >= low);
    REQUIRE(low < 1.5);
    REQUIRE(0 < low);
    REQUIRE(low == 1);
    REQUIRE(low != high);
    require_same(std::max(low, high), high);
    require_same(std::min(low, high), low);
    const Dual nan = std::numeric_limits<double>::quiet_NaN();
    REQUIRE_FALSE(nan < low);
    REQUIRE_FALSE(nan >= low);
    REQUIRE(isnan(nan));
    REQUIRE(isnan(Dual(1, nan.value)));
    REQUIRE(isfinite(low));
    REQUIRE_FALSE(isfinite(Dual(1, INFINITY)));
    REQUIRE_FALSE(isfinite(Dual(INFINITY, 1)));
}

TEST_CASE("functions of dual numbers: derivatives worked by hand") {
    require_same(exp(Dual(0, 3)), {1, 3});
    require_same(expm1(Dual(0, 3)), {0, 3});
    require_same(log(Dual(4, 3)), {std::log(4.0), 0.75});
    require_same(log1p(Dual(3, 3)), {std::log(4.0), 0.75});
    require_same(sqrt(Dual(9, 3)), {3, 0.5});
    require_same(sin(Dual(0, 3)), {0, 3});
    require_same(cos(Dual(0, 3)), {1, 0});
    require_same(tanh(Dual(0, 3)), {0, 3});
    require_same(tanh(Dual(400, 3)), {1, 0});  // cosh overflows: no slope is left
    require_same(erf(Dual(0, 3)), {0, 6 / std::sqrt(M_PI)});
    require_same(erfc(Dual(0, 3)), {1, -6 / std::sqrt(M_PI)});
    require_same(abs(Dual(-2, 3)), {2, -3});
    require_same(abs(Dual(2, 3)), {2, 3});
    require_same(abs(Dual(0, 3)), {0, 0});        // as the operation's slope there
    require_same(pow(Dual(-2, 3), 3), {-8, 36});  // 3 x^2 x'
    require_same(pow(Dual(0, 3), 0), {1, 0});
    require_same(pow(Dual(2, 0), Dual(3, 1)), {8, 8 * std::log(2.0)});
    require_same(pow(Dual(2, 3), Dual(3, 1)), {8, 36 + 8 * std::log(2.0)});
}

TEST_CASE("functions of dual numbers agree with finite differences") {
    using std::abs, std::cos, std::erf, std::erfc, std::exp, std::expm1, std::log, std::log1p, std::pow, std::sin,
        std::sqrt, std::tanh;
    require_right([](auto x) { return exp(x); }, {-3, -0.1, 0, 0.7, 2.5});
    require_right([](auto x) { return expm1(x); }, {-3, -0.1, 0, 0.7, 2.5});
    require_right([](auto x) { return log(x); }, {0.1, 1, 7});
    require_right([](auto x) { return log1p(x); }, {-0.5, 0, 7});
    require_right([](auto x) { return sqrt(x); }, {0.1, 1, 7});
    require_right([](auto x) { return sin(x); }, {-2, 0, 1});
    require_right([](auto x) { return cos(x); }, {-2, 0, 1});
    require_right([](auto x) { return tanh(x); }, {-2, 0, 1, 5});
    require_right([](auto x) { return erf(x); }, {-2, 0, 1});
    require_right([](auto x) { return erfc(x); }, {-2, 0, 1});
    require_right([](auto x) { return abs(x); }, {-2, 1});
    require_right([](auto x) { return pow(x, decltype(x)(2.7)); }, {0.3, 4});
    require_right([](auto x) { return pow(decltype(x)(1.3), x); }, {-1, 2});
    require_right([](auto x) { return x * x / (1 + x) - 3 / x; }, {0.5, 2});
}

TEST_CASE("pointwise functions take dual numbers, and forward mode makes their slopes of their values") {
    require_right_scalar(Relu{}, {-1, 2});
    require_right_scalar(Gelu{}, {-3, -0.4, 0, 0.8, 4});
    require_right_scalar(Sigmoid{}, {-3, -0.4, 0.8, 4});
    require_right_scalar(Silu{}, {-3, -0.4, 0.8, 4});
    require_right_scalar(Tanh{}, {-3, -0.4, 0.3, 2});
    require_right_scalar(Exp{}, {-3, 0, 2});
    require_right_scalar(Log{}, {0.2, 3});
    require_right_scalar(Abs{}, {-1, 2});
    require_right_scalar(Sqrt{}, {0.2, 3});
    require_right_scalar(Reciprocal{}, {-2, 0.3});
    require_right_scalar(Square{}, {-2, 0.3});
    require_right_scalar(Pow{1.7}, {0.3, 2});
    require_right_scalar(Pow{-2}, {-0.5, 2});
}

TEST_CASE("simd reductions sum dual numbers, and find the largest with its tangent") {
    std::vector<Dual> numbers;
    for (int i = 0; i < 37; ++i) numbers.emplace_back(i % 23, i);
    require_same(sum_of(numbers), {22 * 23 / 2 + 13 * 14 / 2, 36 * 37 / 2});
    require_same(largest_of(numbers), {22, 22});
    require_same(largest_of(std::vector<Dual>{}), {-INFINITY, 0});
}

TEST_CASE("a tensor of dual numbers: elements, values, conversions, text") {
    const Tensor x = pair();
    REQUIRE(x.dtype() == DType::dual);
    REQUIRE(x.bytes() == 32);
    REQUIRE(x.describe() == "dual [2] on cpu");
    REQUIRE(x.values() == std::vector<double>{1.5, -3});
    REQUIRE(x.subrange(1, {}).item() == -3);
    REQUIRE(x.to(DType::float32).values() == std::vector<double>{1.5, -3});
    REQUIRE(x.clone().data<Dual>()[0].tangent == -2.25);
    const Tensor constant = Tensor::from({1}, std::vector<float>{2.5}).to(DType::dual);
    REQUIRE(constant.data<Dual>()->value == 2.5);
    REQUIRE(constant.data<Dual>()->tangent == 0);
    REQUIRE(full({1}, 0.1, DType::bfloat16).to(DType::dual).item() == 0.10009765625);
    REQUIRE(to_string(x) == "[ 1.5 - 2.25 eps, -3.0 + 0.50 eps] (dual [2])");
    REQUIRE(to_string(full({2}, 2, DType::dual)) == "[2. + 0. eps, 2. + 0. eps] (dual [2])");
}

TEST_CASE("what is no place for dual numbers refuses them by name") {
    REQUIRE(error_of([] { pair().on(Device::cuda); }) == "[tensor] dual numbers live on the CPU alone, not on cuda");
    REQUIRE(error_of([] { Tensor::zeros({2}, DType::dual, Device::cuda); }) ==
            "[tensor] dual numbers live on the CPU alone, not on cuda");
    REQUIRE(error_of([] { pair().data<double>(); }) == "[tensor] asked for float64 elements on cpu of dual [2] on cpu");
    const TemporaryDirectory directory;
    REQUIRE(error_of([&] {
                write_safetensors(directory / "x.safetensors", {{"x", pair()}});
            }) == fmt::format("[safetensors] {}: tensor \"x\" is dual, which no such file holds",
                              (directory / "x.safetensors").string()));
    REQUIRE_FALSE(std::filesystem::exists(directory / "x.safetensors"));
}

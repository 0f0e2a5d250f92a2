// Dual numbers, value + tangent eps, where eps^2 = 0: a number and how fast it changes.
//
// Of any function made of arithmetic, f(x + v eps) = f(x) + f'(x) v eps: the terms of Taylor's series from the second
// on have a factor eps^2. So a loop that is run with dual numbers in place of double computes, beside its result, the
// exact derivative of the result along v. There is no step size, and nothing cancels but what cancels in f' itself.
// Each line below is the rule of calculus for what it computes.
//
// A dual number is made of any number, which is a constant: its tangent is 0. There is no way back but to ask for a
// part by name, so that no loop can lose a tangent unseen. Comparisons, and with them std::max, look at values alone.
// Source: Clifford, "Preliminary sketch of biquaternions", 1873; for derivatives Wengert, "A simple automatic
// derivative evaluation program", CACM 7(8), 1964. Test: tests/core/test_dual.cpp.
#pragma once

#include <cmath>
#include <compare>
#include <limits>
#include <numbers>

namespace swingrad {

struct Dual {
    double value, tangent;

    Dual() = default;  // undefined, as a double is
    constexpr Dual(double number, double along = 0) : value(number), tangent(along) {}

    friend constexpr Dual operator+(Dual a) { return a; }
    friend constexpr Dual operator-(Dual a) { return {-a.value, -a.tangent}; }
    friend constexpr Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.tangent + b.tangent}; }
    friend constexpr Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.tangent - b.tangent}; }
    friend constexpr Dual operator*(Dual a, Dual b) {
        return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
    }
    friend constexpr Dual operator/(Dual a, Dual b) {
        const double y = a.value / b.value;
        return {y, (a.tangent - y * b.tangent) / b.value};
    }
    constexpr Dual& operator+=(Dual b) { return *this = *this + b; }
    constexpr Dual& operator-=(Dual b) { return *this = *this - b; }
    constexpr Dual& operator*=(Dual b) { return *this = *this * b; }
    constexpr Dual& operator/=(Dual b) { return *this = *this / b; }

    friend constexpr bool operator==(Dual a, Dual b) { return a.value == b.value; }
    friend constexpr std::partial_ordering operator<=>(Dual a, Dual b) { return a.value <=> b.value; }

    // Found by their argument: a loop says `using std::exp;` and calls exp(x), for any number x.
    friend Dual exp(Dual x) { return x.through(std::exp(x.value), std::exp(x.value)); }
    friend Dual expm1(Dual x) { return x.through(std::expm1(x.value), std::exp(x.value)); }
    friend Dual log(Dual x) { return x.through(std::log(x.value), 1 / x.value); }
    friend Dual log1p(Dual x) { return x.through(std::log1p(x.value), 1 / (1 + x.value)); }
    friend Dual sqrt(Dual x) { return x.through(std::sqrt(x.value), 0.5 / std::sqrt(x.value)); }
    friend Dual sin(Dual x) { return x.through(std::sin(x.value), std::cos(x.value)); }
    friend Dual cos(Dual x) { return x.through(std::cos(x.value), -std::sin(x.value)); }
    friend Dual tanh(Dual x) {  // 1 - tanh^2 would cancel for large x
        return x.through(std::tanh(x.value), 1 / (std::cosh(x.value) * std::cosh(x.value)));
    }
    friend Dual erf(Dual x) { return x.through(std::erf(x.value), erf_slope(x.value)); }
    friend Dual erfc(Dual x) { return x.through(std::erfc(x.value), -erf_slope(x.value)); }
    friend Dual abs(Dual x) { return x.value < 0 ? -x : x.value > 0 ? x : Dual(std::abs(x.value)); }
    friend Dual pow(Dual x, Dual exponent) {
        const double p = exponent.value, y = std::pow(x.value, p);
        const Dual of_base = x.through(y, p == 0 ? 0 : p * std::pow(x.value, p - 1));
        // A constant exponent takes x below 0 too, where there is no logarithm.
        return exponent.tangent == 0 ? of_base : of_base + Dual(0, exponent.tangent * y * std::log(x.value));
    }
    friend bool isnan(Dual x) { return std::isnan(x.value) || std::isnan(x.tangent); }
    friend bool isfinite(Dual x) { return std::isfinite(x.value) && std::isfinite(x.tangent); }

  private:
    // f(x) by the chain rule, from f and f' at the value.
    constexpr Dual through(double f, double slope) const { return {f, slope * tangent}; }
    static double erf_slope(double x) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }
};

// What `omp simd reduction` does with them in a plain loop.
#ifndef __CUDACC__
#pragma omp declare reduction(+ : Dual : omp_out += omp_in) initializer(omp_priv = Dual(0))
#pragma omp declare reduction(max:Dual : omp_out = omp_out < omp_in ? omp_in : omp_out) initializer(omp_priv = omp_orig)
#endif

}  // namespace swingrad

// Of the values: infinity and the like are constants.
template <>
struct std::numeric_limits<swingrad::Dual> : std::numeric_limits<double> {};

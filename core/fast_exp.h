// e^x, and what it stands on. In float it has no branches and calls nothing, so that a plain loop over it becomes
// vector instructions; it also takes whole vectors (core/simd.h). Test: tests/core/test_scalar.cpp.
#pragma once

#include "core/dual.h"
#include "core/host_device.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace swingrad {

namespace detail {

// float or double, of one of them or of a vector. A dual number is of doubles.
template <class F>
struct ElementOf {
    using type = std::remove_cvref_t<decltype(F{}[0])>;
};
template <>
struct ElementOf<float> {
    using type = float;
};
template <>
struct ElementOf<double> {
    using type = double;
};
template <>
struct ElementOf<Dual> {
    using type = double;
};
template <class F>
constexpr bool in_double = std::is_same_v<typename ElementOf<F>::type, double>;

// f of a number, or of each number of a vector.
template <class F, class Function>
SWINGRAD_HOST_DEVICE inline F each(F x, const Function& f) {
    if constexpr (std::is_arithmetic_v<F> || std::is_same_v<F, Dual>) {
        return f(x);
    } else {
        for (unsigned i = 0; i < sizeof x / sizeof x[0]; ++i) x[i] = f(x[i]);
        return x;
    }
}

// 2^(n - 1), n being the last bits of `shifted` = 1.5 * 2^23 + n, whose other bits are 0x4B400000: the exponent field
// of 2^(n - 1) is n + 126; for n = -126 that is the field of zero.
template <class F>
SWINGRAD_HOST_DEVICE inline F half_power_of_two(F shifted) {
    constexpr int others = 0x4B400000 - 126;
    if constexpr (std::is_arithmetic_v<F>)
        return std::bit_cast<float>(static_cast<uint32_t>(std::bit_cast<int32_t>(shifted) - others) << 23);
    // NOLINTNEXTLINE(misc-redundant-expression): the type of a comparison of vectors is one of integers
    else return (F)(((decltype(shifted < shifted))shifted - others) << 23);
}

}  // namespace detail

// e^x, to 1e-7 of the value. Below -86.99, where results would leave the range of normal numbers, exactly 0; above
// 88.72 infinity; NaN stays NaN; fast_exp(0) is exactly 1.
//
//   e^x = 2^n e^r    with n = x / ln 2 rounded, r = x - n ln 2, so |r| <= ln 2 / 2
template <class F>
SWINGRAD_HOST_DEVICE inline F fast_exp(F x) {
    if constexpr (detail::in_double<F>) {
        using std::exp;
        return detail::each(x, [](auto number) { return exp(number); });
    } else {
        // F{} + c is c, or a vector of them.
        x = x < -87.3f ? F{} - 87.3f : x;  // n = -126
        x = x > 89.0f ? F{} + 89.0f : x;   // n = 128
        // Adding 1.5 * 2^23 leaves no bits for a fraction: the sum's last bits are n, rounded to nearest.
        const F shifted = x * 1.44269504f + 12582912.0f;
        const F n = shifted - 12582912.0f;
        // ln 2 in two parts, the first so short that n times it is exact.
        const F r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        // (e^r - 1 - r) / r^2, the polynomial whose largest relative error in e^r is least: 3e-9.
        F p = F{} + 0.00138145406f;
        p = p * r + 0.00836874545f;
        p = p * r + 0.0416683890f;
        p = p * r + 0.166665211f;
        p = p * r + 0.499999940f;
        p = p * (r * r) + r + 1.0f;
        // Twice p times 2^(n - 1), because 2^128 is not a float and 2^127 is.
        return (p + p) * detail::half_power_of_two(shifted);
    }
}

}  // namespace swingrad

// Scalar functions and their slopes, written once, in float and in double.
//
//   Gelu::value(x) = f(x)        Gelu::slope(x) = f'(x)
//
// The float versions have no branches and call nothing, so that a plain loop over one of them becomes vector
// instructions (Log excepted: it is in no hot loop); fast_exp and Gelu also take whole vectors (core/simd.h). The
// double versions are those of the standard library, for gradient checks: they are accurate to rounding and may be
// slow. Test: tests/core/test_scalar.cpp.
#pragma once

#include "core/host_device.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace swingrad {

namespace detail {

// float or double, of one of them or of a vector.
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
template <class F>
constexpr bool in_double = std::is_same_v<typename ElementOf<F>::type, double>;

// f of a number, or of each number of a vector.
template <class F, class Function>
SWINGRAD_HOST_DEVICE inline F each(F x, const Function& f) {
    if constexpr (std::is_arithmetic_v<F>) {
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
        return detail::each(x, [](double number) { return std::exp(number); });
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

struct Relu {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return x < 0 ? T(0) : x;  // this way round a NaN stays one
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return x > 0 ? T(1) : T(0);
    }
};

// A smooth relu: x Phi(x), Phi the distribution function of the standard normal; the slope is Phi(x) + x phi(x), phi
// its density.
struct Gelu {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        T distribution, density;
        normal(x, distribution, density);
        return x * distribution;
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        T distribution, density;
        normal(x, distribution, density);
        return distribution + x * density;
    }
    // Both for the price of one exponential.
    template <class T>
    SWINGRAD_HOST_DEVICE static void value_and_slope(T x, T& value, T& slope) {
        T distribution, density;
        normal(x, distribution, density);
        value = x * distribution;
        slope = distribution + x * density;
    }

  private:
    // In float: Phi(-|x|) = erfc(z) / 2 with z = |x| / sqrt(2), and erfc(z) = e^(-z^2) times a polynomial in
    // t = 1 / (1 + 0.4 z), without a constant term. The form is that of Abramowitz and Stegun, "Handbook of
    // mathematical functions", 7.1.26; there is one more coefficient, and all are fitted so that the largest error in x
    // Phi(x) is least: 1e-8, below a float's rounding. What e^(-z^2) = e^(-x^2/2) costs is needed for the density
    // anyway. In double: erfc and not 1 + erf, which would cancel for negative x.
    template <class T>
    SWINGRAD_HOST_DEVICE static void normal(T x, T& distribution, T& density) {
        if constexpr (detail::in_double<T>) {
            distribution = detail::each(x, [](double u) { return 0.5 * std::erfc(u * -0.70710678118654752440); });
            density = 0.39894228040143267794 * fast_exp(-0.5 * x * x);
        } else {
            const T z = (x < 0.0f ? -x : x) * 0.707106781f;
            const T e = fast_exp(-0.5f * x * x);
            const T t = 1.0f / (1.0f + 0.4f * z);
            T p = T{} - 0.204284908f;
            p = p * t + 0.725669394f;
            p = p * t - 0.397849241f;
            p = p * t + 0.490085985f;
            p = p * t + 0.153058238f;
            p = p * t + 0.233320471f;
            const T tail = 0.5f * (p * t) * e;
            distribution = x > 0.0f ? 1.0f - tail : tail;
            density = 0.398942280f * e;
        }
    }
};

// Gelu for numbers that are rounded to bfloat16, in half the time, with the slope in three quarters: errors of at most
// 2e-5 in the value and 7e-5 in the slope, where rounding a result near 1 makes one of 4e-3. Phi and the slope are 0
// and 1 beyond +-4.5 and, less 1/2, odd; so between, with c = x kept within these limits,
//
//   1/2 + c P(s)        s = 2 (c / 4.5)^2 - 1, from -1 to 1, where a polynomial loses nothing to cancellation
//
// with polynomials whose largest error, in x Phi(x) and in the slope, is least among those that end in 0 and 1.
struct GeluForBfloat16 {
    template <class F>  // float, or a vector of them
    static F value(F x) {
        const F low = x < -4.5f ? F{} - 4.5f : x;
        return low * distribution(low);
    }
    template <class F>
    static void value_and_slope(F x, F& value, F& slope) {
        const F low = x < -4.5f ? F{} - 4.5f : x;
        value = low * distribution(low);
        slope = from_half(low, -0.0248959698f, 0.0559535436f, -0.045139771f, 0.0477584526f, -0.0879824981f,
                          0.105023973f, -0.0953146517f, 0.0861886367f, -0.0899262801f, 0.159445688f);
    }

  private:
    template <class F>
    static F distribution(F low) {
        return from_half(low, -0.00145754381f, 0.00461537717f, -0.00689060753f, 0.0102089504f, -0.0180300549f,
                         0.0285884626f, -0.040324375f, 0.0546774864f, -0.0771817565f, 0.156905174f);
    }
    // 1/2 + c P(s), the polynomial's coefficients from the highest power down.
    template <class F, class... Coefficients>
    static F from_half(F low, float highest, Coefficients... rest) {
        const F c = low > 4.5f ? F{} + 4.5f : low;
        const F s = c * c * (2 / 20.25f) - 1.0f;
        F p = F{} + highest;
        ((p = p * s + rest), ...);
        return c * p + 0.5f;
    }
};

// 1 / (1 + e^-x)
struct Sigmoid {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return 1 / (1 + fast_exp(-x));
    }
    // value (1 - value) would cancel for large x. The slope is even, so x may be taken negative, where e^x is small.
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        const T e = fast_exp(-std::abs(x));
        return e / ((1 + e) * (1 + e));
    }
};

struct Exp {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return fast_exp(x);
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return fast_exp(x);
    }
};

struct Log {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return std::log(x);
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return 1 / x;
    }
};

// ---- of two numbers; their slopes are their operands, or 1

struct Plus {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T a, T b) {
        return a + b;
    }
};
struct Minus {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T a, T b) {
        return a - b;
    }
};
struct Times {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T a, T b) {
        return a * b;
    }
};

}  // namespace swingrad

// Scalar functions and their slopes, written once, in float and in double.
//
//   Gelu::value(x) = f(x)        Gelu::slope(x) = f'(x)
//
// The float versions have no branches and call nothing, so that a plain loop over one of them becomes vector
// instructions (Log excepted: it is in no hot loop). The double versions are those of the standard
// library, for gradient checks: they are accurate to rounding and may be slow. Test: tests/test_scalar.cpp.
#pragma once

#include "core/host_device.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace swingrad {

// e^x, to 1e-7 of the value. Below -86.99, where results would leave the range of normal numbers, exactly 0; above
// 88.72 infinity; NaN stays NaN; fast_exp(0) is exactly 1.
//
//   e^x = 2^n e^r    with n = x / ln 2 rounded, r = x - n ln 2, so |r| <= ln 2 / 2
SWINGRAD_HOST_DEVICE inline float fast_exp(float x) {
    x = x < -87.3f ? -87.3f : x;  // n = -126
    x = x > 89.0f ? 89.0f : x;    // n = 128
    // Adding 1.5 * 2^23 leaves no bits for a fraction: the sum's last bits are n, rounded to nearest.
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    // ln 2 in two parts, the first so short that n times it is exact.
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    // (e^r - 1 - r) / r^2, the polynomial whose largest relative error in e^r is least: 3e-9.
    float p = 0.00138145406f;
    p = p * r + 0.00836874545f;
    p = p * r + 0.0416683890f;
    p = p * r + 0.166665211f;
    p = p * r + 0.499999940f;
    p = p * (r * r) + r + 1.0f;
    // Twice p times 2^(n - 1), because 2^128 is not a float and 2^127 is. The exponent field of 2^(n - 1) is n + 126;
    // for n = -126 that is the field of zero. 0x4B400000 are the bits of 1.5 * 2^23.
    const uint32_t field = std::bit_cast<uint32_t>(shifted) - 0x4B400000u + 126u;
    return (p + p) * std::bit_cast<float>(field << 23);
}

SWINGRAD_HOST_DEVICE inline double fast_exp(double x) { return std::exp(x); }

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
        return x * normal(x).distribution;
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        const auto [distribution, density] = normal(x);
        return distribution + x * density;
    }
    // Both for the price of one exponential.
    template <class T>
    SWINGRAD_HOST_DEVICE static void value_and_slope(T x, T& value, T& slope) {
        const auto [distribution, density] = normal(x);
        value = x * distribution;
        slope = distribution + x * density;
    }

  private:
    template <class T>
    struct Normal {
        T distribution, density;
    };

    // Phi(-|x|) = erfc(z) / 2 with z = |x| / sqrt(2), and erfc(z) = e^(-z^2) times a polynomial in t = 1 / (1 + 0.4 z),
    // without a constant term. The form is that of Abramowitz and Stegun, "Handbook of mathematical functions", 7.1.26;
    // there is one more coefficient, and all are fitted so that the largest error in x Phi(x) is least: 1e-8, below a
    // float's rounding. What e^(-z^2) = e^(-x^2/2) costs is needed for the density anyway.
    SWINGRAD_HOST_DEVICE static Normal<float> normal(float x) {
        const float z = std::abs(x) * 0.707106781f;
        const float e = fast_exp(-0.5f * x * x);
        const float t = 1.0f / (1.0f + 0.4f * z);
        float p = -0.204284908f;
        p = p * t + 0.725669394f;
        p = p * t - 0.397849241f;
        p = p * t + 0.490085985f;
        p = p * t + 0.153058238f;
        p = p * t + 0.233320471f;
        const float tail = 0.5f * (p * t) * e;
        return {x > 0 ? 1.0f - tail : tail, 0.398942280f * e};
    }

    // erfc and not 1 + erf, which would cancel for negative x.
    SWINGRAD_HOST_DEVICE static Normal<double> normal(double x) {
        return {0.5 * std::erfc(x * -0.70710678118654752440), 0.39894228040143267794 * std::exp(-0.5 * x * x)};
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

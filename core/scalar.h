// Scalar functions and their slopes, written once, in float and in double.
//
//   Gelu::value(x) = f(x)        Gelu::slope(x) = f'(x)
//
// The float versions have no branches and call nothing, so that a plain loop over one of them becomes vector
// instructions (Log and Pow excepted: they are in no hot loop); Gelu also takes whole vectors (core/simd.h). The double
// versions are those of the standard library, for gradient checks: they are accurate to rounding and may be slow. Dual
// numbers (core/dual.h) take them too. Test: tests/core/test_scalar.cpp.
#pragma once

#include "core/fast_exp.h"

#include <cmath>

namespace swingrad {

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
            using std::erfc;
            distribution = detail::each(x, [](auto u) { return 0.5 * erfc(u * -0.70710678118654752440); });
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
        using std::abs;
        const T e = fast_exp(-abs(x));
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
        using std::log;
        return log(x);
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return 1 / x;
    }
};

// x sigmoid(x); with e = e^-|x| the sigmoid is 1 / (1 + e) or e / (1 + e), and its slope e / (1 + e)^2.
struct Silu {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return x / (1 + fast_exp(-x));
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        using std::abs;
        const T e = fast_exp(-abs(x)), larger = 1 / (1 + e), smaller = e * larger;
        return (x > 0 ? larger : smaller) + x * (larger * smaller);
    }
};

struct Tanh {
    // With e = e^-2|x| it is (1 - e) / (1 + e), which cancels for small x. There, in float, the first terms of its
    // series in x^2, fitted so that the largest relative error below 0.6 is least: 3e-9.
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        using std::abs, std::tanh;
        if constexpr (detail::in_double<T>) {
            return tanh(x);
        } else {
            const T magnitude = abs(x), e = fast_exp(-2 * magnitude), far = (1 - e) / (1 + e);
            const T square = x * x;
            T p = -0.00589515548f;
            p = p * square + 0.0207959693f;
            p = p * square - 0.0537838303f;
            p = p * square + 0.133319244f;
            p = p * square - 0.333332986f;
            const T near = x + x * (square * p);
            return magnitude < 0.6f ? near : x < 0 ? -far : far;
        }
    }
    // 1 - value^2 would cancel for large x.
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        using std::abs;
        const T e = fast_exp(-2 * abs(x));
        return 4 * e / ((1 + e) * (1 + e));
    }
};

// The slope at 0 is 0, half way between its neighbours'.
struct Abs {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        using std::abs;
        return abs(x);
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return x > 0 ? T(1) : x < 0 ? T(-1) : T(0);
    }
};

// NaN below 0. The slope at 0 is infinite.
struct Sqrt {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        using std::sqrt;
        return sqrt(x);
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        using std::sqrt;
        return T(0.5) / sqrt(x);
    }
};

// 1 / x; at 0 infinite, with a slope of minus infinity.
struct Reciprocal {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return 1 / x;
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return -1 / (x * x);
    }
};

struct Square {
    template <class T>
    SWINGRAD_HOST_DEVICE static T value(T x) {
        return x * x;
    }
    template <class T>
    SWINGRAD_HOST_DEVICE static T slope(T x) {
        return 2 * x;
    }
};

// x^exponent. Below 0 a number only where the exponent is an integer, else NaN. At 0 the value is infinite for negative
// exponents, and the slope for all below 1 but 0: x^0 is 1 everywhere, with slope 0.
struct Pow {
    double exponent;

    template <class T>
    SWINGRAD_HOST_DEVICE T value(T x) const {
        using std::pow;
        return pow(x, T(exponent));
    }
    template <class T>
    SWINGRAD_HOST_DEVICE T slope(T x) const {
        using std::pow;
        return exponent == 0 ? T(0) : T(exponent) * pow(x, T(exponent - 1));
    }
};

}  // namespace swingrad

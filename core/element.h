// What the elements of a tensor may be. Without the rest of core, so that kernels can include it.
#pragma once

#include "core/host_device.h"

#include <bit>
#include <cstdint>
#include <type_traits>

namespace swingrad {

enum class DType : uint8_t { float32, float64, bfloat16, int64, int32, uint8, dual };

// The upper half of a float32: eight bits of exponent, seven of mantissa. A type to store: arithmetic converts it to
// float, and a float stored in it is rounded. Both conversions are implicit, so that one loop serves all types.
struct bfloat16 {
    uint16_t bits;

    bfloat16() = default;  // undefined, so that kernels may have arrays of them in shared memory
    // Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
    SWINGRAD_HOST_DEVICE bfloat16(float value) {
        const auto word = std::bit_cast<uint32_t>(value);
        const bool is_nan = (word & 0x7fffffffu) > 0x7f800000u;
        bits = static_cast<uint16_t>(is_nan ? (word >> 16) | 0x40u : (word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
    }
    SWINGRAD_HOST_DEVICE operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// The type of sums, of statistics and of parameters with a number for each channel (a bias, a norm's gain): float for
// bfloat16, which is for what takes much memory and for the factors of products.
template <class T>
using acc_type = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;
inline DType acc_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

// What a sum is taken in whose rounding would show in the result, such as a loss: double for float.
template <class T>
using long_sum_type = std::conditional_t<std::is_same_v<acc_type<T>, float>, double, acc_type<T>>;

// Arithmetic widens what it reads and narrows its result. float and double stay what they are.
template <class T>
SWINGRAD_HOST_DEVICE inline acc_type<T> widen(T value) {
    return static_cast<acc_type<T>>(value);
}
template <class T>
SWINGRAD_HOST_DEVICE inline T narrow(acc_type<T> value) {
    return static_cast<T>(value);
}

}  // namespace swingrad

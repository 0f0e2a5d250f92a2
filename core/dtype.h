// DType: what a tensor's elements are, and the one place that turns a run-time dtype into a C++ type.
#pragma once

#include "core/error.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace swingrad {

enum class DType : uint8_t { float32, float64, bfloat16, int64, int32, uint8 };

// The upper half of a float32: eight bits of exponent, seven of mantissa. Storage only; arithmetic widens to float.
struct bfloat16 {
    uint16_t bits = 0;

    bfloat16() = default;
    // Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
    explicit bfloat16(float value) {
        const auto word = std::bit_cast<uint32_t>(value);
        const bool is_nan = (word & 0x7fffffffu) > 0x7f800000u;
        bits = static_cast<uint16_t>(is_nan ? (word >> 16) | 0x40u : (word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

size_t size_of(DType dtype);            // bytes an element
std::string_view name_of(DType dtype);  // "float32"

template <class T>
constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, float>) return DType::float32;
    else if constexpr (std::is_same_v<T, double>) return DType::float64;
    else if constexpr (std::is_same_v<T, bfloat16>) return DType::bfloat16;
    else if constexpr (std::is_same_v<T, int64_t>) return DType::int64;
    else if constexpr (std::is_same_v<T, int32_t>) return DType::int32;
    else if constexpr (std::is_same_v<T, uint8_t>) return DType::uint8;
    else static_assert(!sizeof(T), "no DType for this type");
}

// Calls `body(T{})` with T = float or double, so that one template serves training (float32) and gradient
// checks (float64):   dispatch_float("gelu", x.dtype(), [&]<class T>(T) { forward(x.data<T>(), ...); });
template <class Body>
decltype(auto) dispatch_float(std::string_view op, DType dtype, Body&& body) {
    if (dtype == DType::float32) return body(float{});
    if (dtype == DType::float64) return body(double{});
    fail("[{}] expects float32 or float64, got {}", op, name_of(dtype));
}

}  // namespace swingrad

// DType: what a tensor's elements are, and the functions by which operations turn a run-time dtype into a C++ type.
#pragma once

#include "core/dual.h"
#include "core/element.h"
#include "core/error.h"

#include <cstddef>
#include <string_view>
#include <utility>

namespace swingrad {

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
    else if constexpr (std::is_same_v<T, Dual>) return DType::dual;
    else static_assert(!sizeof(T), "no DType for this type");
}

// Whether elements are rounded real numbers. Integers are not; nor are dual numbers, which nothing is stored in.
constexpr bool is_float(DType dtype) {
    return dtype == DType::float32 || dtype == DType::float64 || dtype == DType::bfloat16;
}

// Calls `body(T{})` with T = float or double, so that one template serves training (float32) and gradient
// checks (float64):   dispatch_float("gelu", x.dtype(), [&]<class T>(T) { forward(x.data<T>(), ...); });
template <class Body>
decltype(auto) dispatch_float(std::string_view op, DType dtype, Body&& body) {
    if (dtype == DType::float32) return body(float{});
    if (dtype == DType::float64) return body(double{});
    fail("[{}] expects float32 or float64, got {}", op, name_of(dtype));
}

// The same with bfloat16, which operations store; what they compute in is acc_type<T> (core/element.h).
template <class Body>
decltype(auto) dispatch_any_float(std::string_view op, DType dtype, Body&& body) {
    if (dtype == DType::bfloat16) return body(bfloat16{});
    if (dtype == DType::float32) return body(float{});
    if (dtype == DType::float64) return body(double{});
    fail("[{}] expects float32, float64 or bfloat16, got {}", op, name_of(dtype));
}

// The same with dual numbers (core/dual.h), which plain loops alone compute with: there are neither fast paths nor
// kernels for them.
template <class Body>
decltype(auto) dispatch_number(std::string_view op, DType dtype, Body&& body) {
    if (dtype == DType::dual) return body(Dual{});
    return dispatch_any_float(op, dtype, std::forward<Body>(body));
}
template <class T>
constexpr bool kernels_take = !std::is_same_v<T, Dual>;

}  // namespace swingrad

// Kernels of ops/pointwise/pointwise.cpp, and of whatever adds tensors up. T: float, double or bfloat16.
#pragma once

#include "core/element.h"
#include "core/scalar.h"

#include <cstdint>

namespace swingrad::cuda {

// Whether there are kernels of F's value and slope. For a function of your own, cuda/pointwise/pointwise_kernels.h makes them.
template <class F>
inline constexpr bool has_pointwise_kernels = false;
template <>
inline constexpr bool has_pointwise_kernels<Relu> = true;
template <>
inline constexpr bool has_pointwise_kernels<Gelu> = true;
template <>
inline constexpr bool has_pointwise_kernels<Sigmoid> = true;
template <>
inline constexpr bool has_pointwise_kernels<Exp> = true;
template <>
inline constexpr bool has_pointwise_kernels<Log> = true;

// y_i = F::value(x_i)
template <class F, class T>
void pointwise_forward(int64_t count, const T* x, T* y);

// dx_i = dy_i F::slope(x_i)
template <class F, class T>
void pointwise_backward(int64_t count, const T* x, const T* dy, T* dx);

// y_i = F::value(a_i, b_i), F Plus, Minus or Times; y may be a or b.
template <class F, class T>
void combine(int64_t count, const T* a, const T* b, T* y);

// y_i = factor x_i
template <class T>
void scale(int64_t count, acc_type<T> factor, const T* x, T* y);

}  // namespace swingrad::cuda

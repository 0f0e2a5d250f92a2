// Kernels of ops/reduce/reduce.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x [count] -> y [1]: factor times the sum
template <class T>
void sum_forward(int64_t count, double factor, const T* x, acc_type<T>* y);

// dy [1] -> dx [count]
template <class T>
void sum_backward(int64_t count, double factor, const acc_type<T>* dy, T* dx);

}  // namespace swingrad::cuda

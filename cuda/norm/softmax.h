// Kernels of ops/norm/softmax.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y [rows, C]
template <class T>
void softmax_forward(int64_t rows, int64_t C, const T* x, T* y);

template <class T>
void softmax_backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dx);

}  // namespace swingrad::cuda

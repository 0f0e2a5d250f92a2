// Kernels of ops/norm/l2_normalise.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y [rows, C]; norms [rows].
template <class T>
void l2_normalise_forward(int64_t rows, int64_t C, const T* x, double eps, T* y, acc_type<T>* norms);

template <class T>
void l2_normalise_backward(int64_t rows, int64_t C, const T* x, const acc_type<T>* norms, double eps, const T* dy, T* dx);

}  // namespace swingrad::cuda

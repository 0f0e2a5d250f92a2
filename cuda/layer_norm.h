// Kernels of ops/layer_norm.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y [rows, C]; weight, bias [C]; means, rstds [rows].
template <class T>
void layer_norm_forward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* bias, double eps,
                        T* y, Wide<T>* means, Wide<T>* rstds);

template <class T>
void layer_norm_backward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* means,
                         const Wide<T>* rstds, const T* dy, T* dx, Wide<T>* dweight, Wide<T>* dbias);

}  // namespace swingrad::cuda

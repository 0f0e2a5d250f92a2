// Kernels of ops/residual_norm.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y, out [rows, C]; weight, bias [C]; keep [rows / sample_rows], or null: 1; means, rstds [rows].
template <class T>
void residual_norm_forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const Wide<T>* weight,
                           const Wide<T>* bias, const Wide<T>* keep, double eps, T* out, Wide<T>* means,
                           Wide<T>* rstds);

template <class T>
void residual_norm_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const Wide<T>* weight,
                            const Wide<T>* keep, const Wide<T>* means, const Wide<T>* rstds, const T* dout, T* dy,
                            Wide<T>* dweight, Wide<T>* dbias);

}  // namespace swingrad::cuda

// Kernels of ops/norm/residual_norm.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y, out [rows, C]; weight, bias [C]; keep [rows / sample_rows], or null: 1; means, rstds [rows].
template <class T>
void residual_norm_forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const acc_type<T>* weight,
                           const acc_type<T>* bias, const acc_type<T>* keep, double eps, T* out, acc_type<T>* means,
                           acc_type<T>* rstds);

template <class T>
void residual_norm_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const acc_type<T>* weight,
                            const acc_type<T>* keep, const acc_type<T>* means, const acc_type<T>* rstds, const T* dout, T* dy,
                            acc_type<T>* dweight, acc_type<T>* dbias);

}  // namespace swingrad::cuda

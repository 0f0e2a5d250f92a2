// Kernels of ops/attention/relative_bias.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// place [N] and centre are ops/window.h's. table [R, heads] -> y [heads, N, N]
template <class T>
void relative_bias_forward(int64_t heads, int64_t N, const int32_t* place, int32_t centre, const T* table, T* y);

// N = window_rows window_columns; dy [heads, N, N] -> dtable [R, heads]
template <class T>
void relative_bias_backward(int64_t heads, int64_t window_rows, int64_t window_columns, const T* dy, T* dtable);

}  // namespace swingrad::cuda

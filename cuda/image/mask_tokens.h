// Kernels of ops/image/mask_tokens.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x, y [rows, C]; token [C]; mask [rows], where what is not 0 counts as 1.
template <class T>
void mask_tokens_forward(int64_t rows, int64_t C, const T* x, const acc_type<T>* token, const uint8_t* mask, T* y);

// `dx` or `dtoken` may be null: not asked for.
template <class T>
void mask_tokens_backward(int64_t rows, int64_t C, const uint8_t* mask, const T* dy, T* dx, acc_type<T>* dtoken);

}  // namespace swingrad::cuda

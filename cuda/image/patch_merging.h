// Kernels of ops/image/patch_merging.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// x [B, H, W, C] -> y [B, ceil(H/2), ceil(W/2), 4C]
template <class T>
void patch_merging_forward(int64_t B, int64_t H, int64_t W, int64_t C, const T* x, T* y);

template <class T>
void patch_merging_backward(int64_t B, int64_t H, int64_t W, int64_t C, const T* dy, T* dx);

}  // namespace swingrad::cuda

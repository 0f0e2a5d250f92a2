// Kernels of ops/image/global_average_pool.cpp. T: float, double or bfloat16.
#pragma once

#include <cstdint>

namespace swingrad::cuda {

// x [B, positions, C] -> y [B, C]
template <class T>
void global_average_pool_forward(int64_t B, int64_t positions, int64_t C, const T* x, T* y);

template <class T>
void global_average_pool_backward(int64_t B, int64_t positions, int64_t C, const T* dy, T* dx);

}  // namespace swingrad::cuda

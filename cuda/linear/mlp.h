// Kernels of ops/linear/mlp.cpp, whose products are those of cuda/runtime/gemm.h. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// g = gelu(a), `count` elements. The two may be the same memory.
template <class T>
void mlp_forward(int64_t count, const T* a, T* g);

// a, g, da [rows, U]. Where da holds dg, it gets da = dg gelu'(a); g = gelu(a) is made again; dbias1 [U] is the sum of
// da over rows, before it is rounded.
template <class T>
void mlp_backward(int64_t rows, int64_t U, const T* a, T* g, T* da, acc_type<T>* dbias1);

}  // namespace swingrad::cuda

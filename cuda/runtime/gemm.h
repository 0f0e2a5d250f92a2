// Matrix products on the device, row-major, with the words of core/gemm/gemm.h. T: float (all its bits: no TF32),
// double, or bfloat16, whose products are added in float; Out: T, or float for bfloat16.
//
// The same bits every time. With a GPU, cuBLAS computes (cuda/hardware/gemm.cpp); without, core's gemm does
// (cuda/emulator/gemm.cpp).
#pragma once

#include "core/element.h"
#include "core/gemm/gemm.h"

#include <cstdint>

namespace swingrad::cuda {

// c [m, n] = op(a) op(b), or += where `accumulate`. To be called as cuda::gemm: by its arguments alone, core's would be
// found too.
template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate);

// The same for `batch` matrices of each kind, one after the other, their rows without gaps.
template <class T, class Out>
void gemm_batched(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a,
                  const T* b, Out* c);

// c [m, n] = a [m, k] b [n, k]^T + bias [n]; bias may be null. This is all of linear's forward
// (ops/linear/linear.cpp), in one pass over c. In bfloat16 the bias is rounded before it is added.
template <class T>
void gemm_bias(int64_t m, int64_t n, int64_t k, const T* a, const T* b, const acc_type<T>* bias, T* c);

// Each row of c [m, n] = bias [n]: what is left to do where a product cannot add it by itself.
template <class T>
void fill_rows(int64_t m, int64_t n, const acc_type<T>* bias, T* c);

}  // namespace swingrad::cuda

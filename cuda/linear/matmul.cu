// matmul on a device: a library's products (cuda/runtime/gemm.h), one call for all matrices of a batch. Mathematics and
// names: ops/linear/matmul.cpp.

#include "cuda/linear/matmul.h"

#include "cuda/runtime/gemm.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

template <class T>
void MatmulOp<T>::forward_kernel() const {
    cuda::gemm_batched(plain, plain, batch, M, N, K, a, b, y);
}

template <class T>
void MatmulOp<T>::backward_kernel() const {
    if (da) cuda::gemm_batched(plain, transposed, batch, M, K, N, dy, b, da);
    if (db) cuda::gemm_batched(transposed, plain, batch, K, N, M, a, dy, db);
}

SWINGRAD_KERNELS(MatmulOp)

}  // namespace swingrad

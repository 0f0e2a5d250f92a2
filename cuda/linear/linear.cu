// linear on a device. Mathematics and names: ops/linear/linear.cpp.
//
// The three products are a library's (cuda/runtime/gemm.h). Forward's adds the bias on its way out; dbias is a sum of
// its own, which reads dy once more.

#include "cuda/linear/linear.h"

#include "cuda/runtime/gemm.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"

namespace swingrad {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

template <class T>
void LinearOp<T>::forward_kernel() const {
    cuda::gemm_bias(rows, O, I, x, weight, bias, y);
}

template <class T>
void LinearOp<T>::backward_kernel() const {
    if (dx) cuda::gemm(plain, plain, rows, I, O, dy, O, weight, I, dx, I, false);
    if (dweight) cuda::gemm(transposed, plain, O, I, rows, dy, O, x, I, dweight, I, false);
    if (dbias) cuda::column_sums(rows, O, dy, dbias);
}

SWINGRAD_KERNELS(LinearOp)

}  // namespace swingrad

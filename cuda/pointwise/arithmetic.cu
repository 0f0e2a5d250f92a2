// add, subtract, multiply and divide. Mathematics and names: ops/pointwise/arithmetic.cpp. Plan:
// cuda/toolkit/elementwise.h. Bytes: each operand once and the result, the limit being memory.

#include "cuda/pointwise/arithmetic.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class F, class T>
__global__ void binary_kernel(BinaryOp<F, T> op) {
    map_elements(
        op.count, [](acc_type<T> a_i, acc_type<T> b_i) { return F::value(a_i, b_i); }, op.y, op.a, op.b);
}

template <class F, class T>
__global__ void binary_broadcast_kernel(BinaryOp<F, T> op) {
    map_broadcast(
        op.count, op.axes, [](acc_type<T> a_i, acc_type<T> b_i) { return F::value(a_i, b_i); }, op.y, op.a, op.b);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class F, class T>
void BinaryOp<F, T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(axes.count == 0 ? binary_kernel<F, T> : binary_broadcast_kernel<F, T>, blocks_for_elements<T>(count),
           elementwise_threads, 0, compute_stream(), *this);
}

#define KERNELS_OF(F)                                          \
    template void BinaryOp<F, float>::forward_kernel() const;  \
    template void BinaryOp<F, double>::forward_kernel() const; \
    template void BinaryOp<F, bfloat16>::forward_kernel() const;
KERNELS_OF(Plus)
KERNELS_OF(Minus)
KERNELS_OF(Times)
KERNELS_OF(Over)
KERNELS_OF(MinusTimes)
#undef KERNELS_OF

}  // namespace swingrad

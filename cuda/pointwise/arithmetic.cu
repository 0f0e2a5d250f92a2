// add, subtract, multiply and scale. Mathematics and names: ops/pointwise/arithmetic.cpp. Plan:
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

template <class T>
__global__ void scale_kernel(ScaleOp<T> op) {
    const auto factor = static_cast<acc_type<T>>(op.factor);
    map_elements(
        op.count, [=](acc_type<T> x_i) { return factor * x_i; }, op.y, op.x);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class F, class T>
void BinaryOp<F, T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(binary_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), *this);
}

template <class T>
void ScaleOp<T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(scale_kernel<T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), *this);
}

#define KERNELS(T)                                            \
    template void BinaryOp<Plus, T>::forward_kernel() const;  \
    template void BinaryOp<Minus, T>::forward_kernel() const; \
    template void BinaryOp<Times, T>::forward_kernel() const; \
    template void ScaleOp<T>::forward_kernel() const;
KERNELS(float)
KERNELS(double)
KERNELS(bfloat16)
#undef KERNELS

}  // namespace swingrad

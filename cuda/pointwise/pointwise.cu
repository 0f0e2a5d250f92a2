// Functions of single elements. Mathematics and names: ops/pointwise/pointwise.cpp. Plan:
// cuda/toolkit/elementwise.h. Bytes: of a forward pass x and y, of a backward pass x, dy and dx, the limit being
// memory.

#include "cuda/pointwise/pointwise.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class F, class T>
__global__ void pointwise_forward_kernel(PointwiseOp<F, T> op) {
    const F f = op.f;
    map_elements(
        op.count, [=](acc_type<T> x_i) { return f.value(x_i); }, op.y, op.x);
}

template <class F, class T>
__global__ void pointwise_backward_kernel(PointwiseOp<F, T> op) {
    const F f = op.f;
    // forward: y = f(x), so:
    map_elements(
        op.count, [=](acc_type<T> x_i, acc_type<T> dy_i) { return dy_i * f.slope(x_i); }, op.dx, op.x, op.dy);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class F, class T>
void PointwiseOp<F, T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(pointwise_forward_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(),
           *this);
}

template <class F, class T>
void PointwiseOp<F, T>::backward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(pointwise_backward_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(),
           *this);
}

#define KERNELS_OF(F, T)                                     \
    template void PointwiseOp<F, T>::forward_kernel() const; \
    template void PointwiseOp<F, T>::backward_kernel() const;
#define KERNELS(F)        \
    KERNELS_OF(F, float)  \
    KERNELS_OF(F, double) \
    KERNELS_OF(F, bfloat16)
KERNELS(Relu)
KERNELS(Gelu)
KERNELS(Sigmoid)
KERNELS(Exp)
KERNELS(Log)
KERNELS(Silu)
KERNELS(Tanh)
KERNELS(Abs)
KERNELS(Sqrt)
KERNELS(Reciprocal)
KERNELS(Square)
KERNELS(Pow)
#undef KERNELS
#undef KERNELS_OF

}  // namespace swingrad

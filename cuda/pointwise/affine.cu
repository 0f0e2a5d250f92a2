// affine and scale. Mathematics and names: ops/pointwise/affine.cpp. Plan: cuda/toolkit/elementwise.h. Bytes: x once
// and y, the limit being memory.

#include "cuda/pointwise/affine.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void affine_kernel(AffineOp<T> op) {
    const auto factor = static_cast<acc_type<T>>(op.factor), offset = static_cast<acc_type<T>>(op.offset);
    map_elements(
        op.count, [=](acc_type<T> x_i) { return factor * x_i + offset; }, op.y, op.x);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void AffineOp<T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(affine_kernel<T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), *this);
}

template void AffineOp<float>::forward_kernel() const;
template void AffineOp<double>::forward_kernel() const;
template void AffineOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

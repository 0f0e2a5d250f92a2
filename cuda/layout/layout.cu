// Elements fetched from elsewhere. Mathematics: ops/layout/layout.cpp, ops/reduce/broadcast.cpp.
//
// A thread an element of y: a warp writes 32 neighbours. What it reads are neighbours too where the last axis stays the
// last, and else one sector of memory for each element, of which the second-level cache keeps what other warps want.
// The layouts of attention and patches have kernels of their own; nothing in a step of training hangs on this one.

#include "cuda/layout/layout.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void strided_copy_kernel(int64_t count, Axes x_axes, const T* x, T* y) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count) y[i] = x[x_axes.offset_of(i)];
}

template <class T>
void strided_copy(const Axes& x_axes, const T* x, T* y) {
    const int64_t count = x_axes.indices();
    if (count == 0) return;
    launch(strided_copy_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, x_axes.merged(), x, y);
}

template void strided_copy(const Axes&, const float*, float*);
template void strided_copy(const Axes&, const double*, double*);
template void strided_copy(const Axes&, const bfloat16*, bfloat16*);

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void PermuteOp<T>::forward_kernel() const {
    cuda::strided_copy(axes, x, y);
}

template void PermuteOp<float>::forward_kernel() const;
template void PermuteOp<double>::forward_kernel() const;
template void PermuteOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

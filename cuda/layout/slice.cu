// slice and concat. Mathematics and names: ops/layout/slice.cpp.
//
// Plan: a thread an element of what is written: a warp writes 32 neighbours, and reads neighbours but where a row ends.
// Concat is a launch for each part. Bytes: each element of a part once read and once written; slice's backward writes
// the zeros beside it too. No barrier.

#include "cuda/layout/slice.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void slice_forward_kernel(SliceOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, width = op.part.width;
    if (i >= op.part.rows * width) return;
    op.y[i] = op.x[i / width * op.part.C + op.part.begin + i % width];
}

template <class T>
__global__ void slice_backward_kernel(SliceOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, C = op.part.C, width = op.part.width;
    if (i >= op.part.rows * C) return;
    // forward: y has the elements from begin on, `width` of them, and no others, so:
    const int64_t c = i % C - op.part.begin;
    op.dx[i] = c >= 0 && c < width ? op.dy[i / C * width + c] : T(0);
}

template <class T>
__global__ void concat_forward_kernel(ConcatOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, width = op.part.width;
    if (i >= op.part.rows * width) return;
    op.y[i / width * op.part.C + op.part.begin + i % width] = op.x[i];
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void SliceOp<T>::forward_kernel() const {
    using namespace cuda;
    if (part.rows * part.width == 0) return;
    launch(slice_forward_kernel<T>, blocks_for(part.rows * part.width, 256), 256, 0, compute_stream(), *this);
}

template <class T>
void SliceOp<T>::backward_kernel() const {
    using namespace cuda;
    if (part.rows * part.C == 0) return;
    launch(slice_backward_kernel<T>, blocks_for(part.rows * part.C, 256), 256, 0, compute_stream(), *this);
}

template <class T>
void ConcatOp<T>::forward_kernel() const {
    using namespace cuda;
    if (part.rows * part.width == 0) return;
    launch(concat_forward_kernel<T>, blocks_for(part.rows * part.width, 256), 256, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(SliceOp)
template void ConcatOp<float>::forward_kernel() const;
template void ConcatOp<double>::forward_kernel() const;
template void ConcatOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

// gather. Mathematics and names: ops/layout/gather.cpp.
//
// Forward: a thread an element of y: a warp reads and writes neighbours, but for what it fetches from x.
//
// Backward: a thread an element of dx, which looks at all picks of its line, in order, and adds the dy of those that
// have picked it. So there are no atomics, the bits are the same every time, and dx needs no zeros before. A line's
// picks are read once for each of its elements: from the cache, but this is a plan for few picks or for short lines.
// 256 threads a block; no barrier.

#include "cuda/layout/gather.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void gather_forward_kernel(GatherOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (at >= op.outer * op.picks * op.inner) return;
    const int64_t i = at % op.inner, o = at / op.inner / op.picks, j = op.index[at];
    const bool in_range = j >= 0 && j < op.size;
    op.y[at] = in_range ? op.x[(o * op.size + j) * op.inner + i] : narrow<T>(static_cast<acc_type<T>>(NAN));
}

template <class T>
__global__ void gather_backward_kernel(GatherOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, inner = op.inner;
    if (at >= op.outer * op.size * inner) return;
    const int64_t i = at % inner, j = at / inner % op.size, o = at / inner / op.size;
    const int64_t first = o * op.picks * inner + i;
    acc_type<T> sum = 0;
    // forward: y_p = x_j where j = index_p, so:
    for (int64_t p = 0; p < op.picks; ++p)
        if (op.index[first + p * inner] == j) sum += widen(op.dy[first + p * inner]);
    op.dx[at] = narrow<T>(sum);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void GatherOp<T>::forward_kernel() const {
    using namespace cuda;
    const int64_t count = outer * picks * inner;
    if (count == 0) return;
    launch(gather_forward_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), *this);
}

template <class T>
void GatherOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t count = outer * size * inner;
    if (count == 0) return;
    launch(gather_backward_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(GatherOp)

}  // namespace swingrad

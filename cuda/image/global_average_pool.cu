// global_average_pool. Mathematics and names: ops/image/global_average_pool.cpp.
//
// Plan: forward, a thread a channel of an image. It walks over the positions, in order, its neighbours reading
// neighbours: x is read once, and a last stage's few positions still leave B C threads. Backward, a thread an element
// of dx: written once, dy from the cache. 256 threads a block; no barrier.

#include "cuda/image/global_average_pool.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void global_average_pool_forward_kernel(GlobalAveragePoolOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, C = op.C;
    if (i >= op.B * C) return;
    const int64_t b = i / C, c = i % C;
    const T* image = op.x + b * op.positions * C;
    acc_type<T> sum = 0;
    for (int64_t position = 0; position < op.positions; ++position) sum += image[position * C + c];
    op.y[i] = sum / static_cast<acc_type<T>>(op.positions);
}

template <class T>
__global__ void global_average_pool_backward_kernel(GlobalAveragePoolOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, C = op.C;
    if (i >= op.B * op.positions * C) return;
    const int64_t b = i / (op.positions * C), c = i % C;
    op.dx[i] = op.dy[b * C + c] / static_cast<acc_type<T>>(op.positions);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void GlobalAveragePoolOp<T>::forward_kernel() const {
    using namespace cuda;
    if (B * C == 0) return;
    launch(global_average_pool_forward_kernel<T>, blocks_for(B * C, 256), 256, 0, compute_stream(), *this);
}

template <class T>
void GlobalAveragePoolOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t count = B * positions * C;
    if (count == 0) return;
    launch(global_average_pool_backward_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(GlobalAveragePoolOp)

}  // namespace swingrad

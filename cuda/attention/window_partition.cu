// window_partition, window_reverse. Mathematics and names: ops/attention/window_partition.cpp.
//
// Plan: a warp a token t of an image's windows, eight to a block; its lanes copy neighbouring channels. Images are the
// grid's second axis, so that no division finds which one it is; where there are more than a grid can have, a block
// takes several. Each element is read once and written once; the table is 4 bytes a token. Every token of the map is in
// exactly one window, so reverse too has one writer an element.

#include "cuda/attention/window_partition.h"

#include "cuda/toolkit/kernel.h"

#include <algorithm>

namespace swingrad::cuda {

constexpr unsigned tokens_a_block = 8;
constexpr int64_t most_grid_rows = 65535;  // CUDA's

template <class T>
__global__ void window_partition_kernel(WindowPartitionOp<T> op) {
    const int64_t t = int64_t{blockIdx.x} * tokens_a_block + threadIdx.x / warp_size, C = op.C;
    if (t >= op.slots) return;
    const int64_t s = op.source[t];
    for (int64_t b = blockIdx.y; b < op.B; b += gridDim.y)
        for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
            op.y[(b * op.slots + t) * C + c] = s >= 0 ? op.x[(b * op.tokens + s) * C + c] : narrow<T>(0);
}

template <class T>
__global__ void window_reverse_kernel(WindowPartitionOp<T> op) {
    const int64_t t = int64_t{blockIdx.x} * tokens_a_block + threadIdx.x / warp_size, C = op.C;
    if (t >= op.slots) return;
    const int64_t s = op.source[t];
    if (s < 0) return;
    for (int64_t b = blockIdx.y; b < op.B; b += gridDim.y)
        for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
            op.dx[(b * op.tokens + s) * C + c] = op.dy[(b * op.slots + t) * C + c];
}

dim3 grid_for(int64_t slots, int64_t B) {
    return dim3(blocks_for(slots, tokens_a_block), static_cast<unsigned>(std::min(B, most_grid_rows)));
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void WindowPartitionOp<T>::forward_kernel() const {
    using namespace cuda;
    if (B == 0) return;
    launch(window_partition_kernel<T>, grid_for(slots, B), tokens_a_block * warp_size, 0, compute_stream(), *this);
}

template <class T>
void WindowPartitionOp<T>::backward_kernel() const {
    using namespace cuda;
    if (B == 0) return;
    launch(window_reverse_kernel<T>, grid_for(slots, B), tokens_a_block * warp_size, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(WindowPartitionOp)

}  // namespace swingrad

// global_average_pool. Mathematics and names: ops/image/global_average_pool.cpp.
//
// Plan: forward, a thread a channel of an image. It walks over the positions, in order, its neighbours reading
// neighbours: x is read once, and a last stage's few positions still leave B C threads. Backward, a thread an element
// of dx: written once, dy from the cache. 256 threads a block; no barrier.

#include "cuda/image/global_average_pool.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void global_average_pool_forward_kernel(int64_t B, int64_t positions, int64_t C, const T* x, T* y) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= B * C) return;
    const int64_t b = i / C, c = i % C;
    const T* image = x + b * positions * C;
    acc_type<T> sum = 0;
    for (int64_t position = 0; position < positions; ++position) sum += widen(image[position * C + c]);
    y[i] = narrow<T>(sum / static_cast<acc_type<T>>(positions));
}

template <class T>
__global__ void global_average_pool_backward_kernel(int64_t count, int64_t positions, int64_t C, const T* dy, T* dx) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= count) return;
    const int64_t b = i / (positions * C), c = i % C;
    dx[i] = narrow<T>(widen(dy[b * C + c]) / static_cast<acc_type<T>>(positions));
}

// ---- launchers

template <class T>
void global_average_pool_forward(int64_t B, int64_t positions, int64_t C, const T* x, T* y) {
    if (B * C == 0) return;
    launch(global_average_pool_forward_kernel<T>, blocks_for(B * C, 256), 256, 0, compute_stream(), B, positions, C, x, y);
}

template <class T>
void global_average_pool_backward(int64_t B, int64_t positions, int64_t C, const T* dy, T* dx) {
    const int64_t count = B * positions * C;
    if (count == 0) return;
    launch(global_average_pool_backward_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, positions, C, dy, dx);
}

#define INSTANTIATE(T)                                                        \
    template void global_average_pool_forward(int64_t, int64_t, int64_t, const T*, T*); \
    template void global_average_pool_backward(int64_t, int64_t, int64_t, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

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
__global__ void window_partition_kernel(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source,
                                        const T* map, T* windows) {
    const int64_t t = int64_t{blockIdx.x} * tokens_a_block + threadIdx.x / warp_size;
    if (t >= slots) return;
    const int64_t s = source[t];
    for (int64_t b = blockIdx.y; b < B; b += gridDim.y)
        for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
            windows[(b * slots + t) * C + c] = s >= 0 ? map[(b * tokens + s) * C + c] : narrow<T>(0);
}

template <class T>
__global__ void window_reverse_kernel(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source,
                                      const T* windows, T* map) {
    const int64_t t = int64_t{blockIdx.x} * tokens_a_block + threadIdx.x / warp_size;
    if (t >= slots) return;
    const int64_t s = source[t];
    if (s < 0) return;
    for (int64_t b = blockIdx.y; b < B; b += gridDim.y)
        for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
            map[(b * tokens + s) * C + c] = windows[(b * slots + t) * C + c];
}

// ---- launchers

template <class T>
void window_partition(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source, const T* map,
                      T* windows) {
    if (B == 0) return;
    launch(window_partition_kernel<T>,
           dim3(blocks_for(slots, tokens_a_block), static_cast<unsigned>(std::min(B, most_grid_rows))),
           tokens_a_block * warp_size, 0, compute_stream(), B, tokens, slots, C, source, map, windows);
}

template <class T>
void window_reverse(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source, const T* windows,
                    T* map) {
    if (B == 0) return;
    launch(window_reverse_kernel<T>,
           dim3(blocks_for(slots, tokens_a_block), static_cast<unsigned>(std::min(B, most_grid_rows))),
           tokens_a_block * warp_size, 0, compute_stream(), B, tokens, slots, C, source, windows, map);
}

#define INSTANTIATE(T)                                                                                \
    template void window_partition(int64_t, int64_t, int64_t, int64_t, const int32_t*, const T*, T*); \
    template void window_reverse(int64_t, int64_t, int64_t, int64_t, const int32_t*, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// What kernels over flat memory share. Plan: a block a piece, 256 threads, neighbours by neighbours.
#pragma once

#include "cuda/optim/flat.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned flat_threads = 256;

// Calls body(i) for the elements of the piece that are this thread's.
template <class Body>
__device__ void for_elements_of(const FlatPiece& piece, const Body& body) {
    for (int64_t i = piece.begin + threadIdx.x; i < piece.begin + piece.count; i += blockDim.x) body(i);
}

// The gradient of element i: g, or g_copies where the model computes with a copy.
template <class T>
__device__ T gradient_at(const FlatEntry& entry, const T* g, const bfloat16* g_copies, int64_t i) {
    return entry.has_copy ? static_cast<T>(widen(g_copies[i])) : g[i];
}

// The sum over the block's flat_threads threads, which all must call; thread 0 gets it. In a fixed order.
template <class W>
__device__ W block_sum(W value) {
    __shared__ W of_warp[flat_threads / warp_size];
    const W sum = warp_sum(value);
    if (threadIdx.x % warp_size == 0) of_warp[threadIdx.x / warp_size] = sum;
    __syncthreads();
    W total = 0;
    if (threadIdx.x == 0)
        for (const W one : of_warp) total += one;
    return total;
}

}  // namespace swingrad::cuda

// What kernel files need beyond CUDA itself, where nvcc compiles them. cuda/emulator/device.h is the counterpart.
#pragma once

#include "cuda/hardware/require.h"

#include <cuda_bf16.h>
#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#include <mma.h>

#include <source_location>

namespace swingrad::cuda {

// A grid that remembers where it is launched.
struct Grid {
    dim3 blocks;
    std::source_location where;
    Grid(dim3 size, std::source_location location = std::source_location::current()) : blocks(size), where(location) {}
    Grid(unsigned size, std::source_location location = std::source_location::current())
        : blocks(size), where(location) {}
};

// kernel<<<grid, block, shared_bytes, stream>>>(arguments...), in words that a C++ compiler knows too.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, dim3 block, size_t shared_bytes, Stream stream,
            Arguments&&... arguments) {
    const auto address = reinterpret_cast<const void*>(kernel);
    constexpr size_t without_asking = 48 * 1024;
    if (shared_bytes > without_asking)
        require_launched(
            cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
            address, grid.blocks, block, shared_bytes, stream, grid.where);
    kernel<<<grid.blocks, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
    require_launched(cudaGetLastError(), address, grid.blocks, block, shared_bytes, stream, grid.where);
}

// The shared memory that `launch` asked for: one name and one type for every kernel of the program.
template <class T>
__device__ inline T* dynamic_shared() {
    extern __shared__ __align__(128) unsigned char swingrad_dynamic_shared[];
    return reinterpret_cast<T*>(swingrad_dynamic_shared);
}

// Copies of 16 bytes from global to shared memory while the thread goes on; waiting for all but the last N groups.
__device__ inline void async_copy16(void* shared, const void* global) { __pipeline_memcpy_async(shared, global, 16); }
__device__ inline void async_commit() { __pipeline_commit(); }
template <int N>
__device__ inline void async_wait() {
    __pipeline_wait_prior(N);
}

// Over the 32 lanes of a warp, all of which must call; every lane gets the same bits. Lanes exchange halves: after the
// step with distance 16 each holds the sum of two lanes, after that with 8 of four, ...
template <class T>
__device__ inline T warp_sum(T value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}
template <class T>
__device__ inline T warp_max(T value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

}  // namespace swingrad::cuda

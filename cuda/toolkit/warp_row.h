// A warp a row: what kernels over rows share. Lane l takes the columns l, l + 32, l + 64, ... so that a warp reads
// neighbours, and sums over a row are warp_sum of the lanes' own.
#pragma once

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned rows_a_block = 8;  // warps of a block: 256 threads, of which eight blocks fill a multiprocessor

// The row of this warp, and its lane.
__device__ inline int64_t row_of_warp() { return int64_t{blockIdx.x} * rows_a_block + threadIdx.x / warp_size; }
__device__ inline unsigned lane_of_thread() { return threadIdx.x % warp_size; }

}  // namespace swingrad::cuda

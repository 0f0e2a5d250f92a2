// The part of a sum over rows that kernels share: how a block sums a group's rows for 32 columns.
//
// Plan: a block is 32 x 8 threads. Thread (x, y) takes column x of the block's 32 and every eighth row of the group,
// from row y on; so a warp reads 32 neighbours. The eight sums of a column meet in shared memory and thread (x, 0) adds
// them.
#pragma once

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned sum_columns = 32, sum_rows = 8;

// The sum of term(row, column) over the rows of this block's group, blockIdx.y of `groups`, for column
// blockIdx.x * 32 + threadIdx.x. Only threads with threadIdx.y 0 get it. All threads of the block must call, those
// whose column does not exist too.
template <class W, class Term>
__device__ W group_column_sum(int64_t rows, int64_t groups, int64_t C, const Term& term) {
    __shared__ W sums[sum_rows][sum_columns];
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    const int64_t begin = rows * blockIdx.y / groups, end = rows * (blockIdx.y + 1) / groups;
    W sum = 0;
    if (column < C)
        for (int64_t row = begin + threadIdx.y; row < end; row += sum_rows) sum += term(row, column);
    __syncthreads();  // a second call: the sums of the first have been read
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0) return 0;
    for (unsigned y = 1; y < sum_rows; ++y) sum += sums[y][threadIdx.x];
    return sum;
}

}  // namespace swingrad::cuda

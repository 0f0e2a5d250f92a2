// Kernels without a mistake, for test_emulator_language.cpp: CUDA's language, each part used as its manual says. All
// pointers are device memory.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::test {

// y[i] = number of the thread that is i-th, of a grid 2 x 3 x 2 of blocks 4 x 3 x 2: counted from the built-in
// variables.
void number_threads(int64_t* y);

// What 32 lanes get, from v[lane]; y [10, 32]:
// shfl to lane 5 | in groups of 8 to their lane 3 | xor 1 | xor 9 within groups of 8 | down 4 | up 3 | ballot of
// v > 0 | any, all and 8 lanes' sum by a mask of their own | warp_sum | the same sum by a butterfly of shuffles
void try_warp(const float* v, float* y);
void try_warp_max(const double* v, double* y);  // y [32]

// y = sum of x, by one block of 256 threads, with barriers, shuffles and static shared memory.
void sum_by_block(int64_t n, const float* x, float* y);
// Counts x > 0 with __syncthreads_count and _or and _and: y [3]
void vote(const float* x, float* y);
// y [n, n] = x^T, by blocks of 32 x 8, through dynamic shared memory
void transpose(int64_t n, const float* x, float* y);
// y [2, C]: the columns of x [rows, C] summed, and twice that, by the kernels' own sum called twice
void sum_columns_twice(int64_t rows, int64_t C, const float* x, float* y);
// Reversed in each group of 32, through shared memory that only __syncwarp orders
void reverse_by_warp(int64_t n, const float* x, float* y);
// y[0] += 1, y[1] = max, y[2] = min of thread numbers, from `blocks` blocks; z[0] += 0.25
void count_by_atomics(unsigned blocks, int* y, double* z);
// y [64] = x [64], by cp.async in two groups
void copy_in_groups(const float* x, float* y);
// c [16, 16] = a [16, 16] b^T [16, 16] by wmma
void multiply_by_wmma(const bfloat16* a, const bfloat16* b, float* c);
// y [6]: rsqrtf, rsqrt, __expf, __fdividef, __popc, float4's w
void try_arithmetic(float* y);
// The argument is converted to the kernel's parameter as in a call.
void fill(int64_t n, float value, float* y);

}  // namespace swingrad::test

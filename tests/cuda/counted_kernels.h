// Kernels whose accesses can be counted by hand, for test_kernel_counts.cpp. All pointers are device memory.
#pragma once

#include <cstdint>

namespace swingrad::test {

// y[i] = x[i * step], i < n, by blocks of 64 threads.
void copy_every(int64_t n, int64_t step, const float* x, float* y);
// The same with step 1, a float4 a thread; n is a multiple of 4.
void copy_by_16_bytes(int64_t n, const float* x, float* y);
// Each of `blocks` blocks of 32 threads reads all of x [32]; y [blocks * 32].
void read_by_all(unsigned blocks, const float* x, float* y);
// A warp writes shared memory at i * step, and reads it again; y [32].
void step_through_shared(int step, float* y);

}  // namespace swingrad::test

// Kernels that use what is not theirs, no longer there or not there yet, for test_emulator_lifetimes.cpp. Pointers are
// device memory; 32 threads and one block unless said otherwise.
#pragma once

#include "cuda/runtime/runtime.h"

#include <cstdint>

namespace swingrad::test {

// ---- device memory: x is read, y is written
void read_by_a_struct(const float* x, float* y);
void read_at(const float* x, float* y, int64_t index);                 // y[thread] = x[index]
void read_from_another(const float* x, const float* other, float* y);  // by an index of x, without a pointer to `other`
void fill_on(cuda::Stream stream, float* y, float value);

// ---- local variables
enum class Beyond { reads, writes, writes_in_a_helper };
void step_beyond_a_local(Beyond how, int by, float* y);
void keep_a_local(float* y);                                // of a function that has returned
void use_a_neighbours_local(float* y);                      // another thread's
void sum_from_nothing(const float* x, float* y, int n);     // a sum that begins with no value
void read_an_unset_array(const float* x, float* y, int n);  // of which n of 8 elements are set

// ---- launches
void launch_bounded(float* y, unsigned threads);                // __launch_bounds__(128)
void launch_bounded_by_a_constant(float* y, unsigned threads);  // of a template: 2 x 32
void use_much_static_shared(float* y);                          // 52000 bytes

// ---- waiting for others
void wait_for_a_block(int* flag);             // that does not come: block 0 waits for block 1
void wait_for_a_thread(int* flag, float* y);  // of the same block, which comes
void look_at_a_warp_far_ahead(float* y);      // y[0]: whether the first warp was done, with no barrier between
void wait_without_an_access();
// y[0] = sum of x [blocks, 32], by the last block to finish; `ticket` is 0 before and after
void sum_by_the_last_block(unsigned blocks, const float* x, float* partial, unsigned* ticket, float* y);
enum class Fence { forgotten, too_early };
void sum_without_a_fence(Fence fence, unsigned blocks, const float* x, float* partial, unsigned* ticket, float* y);

}  // namespace swingrad::test

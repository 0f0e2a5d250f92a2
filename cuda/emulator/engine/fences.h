// What one block may know of another: the access checker's share of __threadfence().
//
// A block that writes, passes a fence and then changes an atomic variable hands over, to whoever changes that variable
// later, what was written before the fence: by the thread itself, by its warp before a __syncwarp(), by its block
// before a barrier. So the last block of a grid, which a counter of the finished ones tells, may read the sums of all.
#pragma once

#include <cstddef>
#include <cstdint>

namespace swingrad::cuda::emulator::checker {

// A moment of a thread: the checker's clocks, and which block and thread.
struct Moment {
    uint32_t time;  // of barriers
    uint16_t thread, warp_time;
    uint32_t block;  // the time at which the thread's block began
};

namespace fences {

void begin_launch();
void begin_block();
void fence(const Moment& now);
void wrote(const Moment& now, uintptr_t address, size_t bytes);  // to device memory, not atomically
void changed_atomic(const Moment& now, uintptr_t address);
// Whether an access by another block, earlier in this launch, comes before what the thread does now.
bool ordered(const Moment& access, const Moment& now, uintptr_t address);

}  // namespace fences
}  // namespace swingrad::cuda::emulator::checker

// Copies from global to shared memory that run beside the kernel (cp.async). Here each is made at the wait that it is
// waited for: a kernel that reads too early reads what was there before.
#pragma once

namespace swingrad::cuda {

namespace emulator {
void begin_copy16(void* to, const void* from);
void close_copy_group();
void finish_copies_but(int groups);
}  // namespace emulator

inline void async_copy16(void* destination, const void* source) { emulator::begin_copy16(destination, source); }

// All copies since the last commit are a group.
inline void async_commit() { emulator::close_copy_group(); }

// Returns when all groups but the N latest are there.
template <int N>
void async_wait() {
    emulator::finish_copies_but(N);
}

}  // namespace swingrad::cuda

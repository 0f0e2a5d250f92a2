// The access checker: every load and store of a kernel is looked at. Only in the library that is built with
// SWINGRAD_KERNEL_CHECK, build/checked/libswingrad_cuda.so, and put in the ordinary one's place.
//
// Kernel files, and nothing else, are compiled with -fsanitize=thread, which makes the compiler call a function before
// each access. ThreadSanitizer's library is not linked: the functions are our own (calls.cpp), as the Linux kernel does
// it for its KCSAN. Blocks run one at a time, so nothing here needs a lock.
#pragma once

#include <cstddef>
#include <cstdint>

namespace swingrad::cuda::emulator {

class Block;

namespace checker {

#ifdef SWINGRAD_KERNEL_CHECK

constexpr bool on = true;

// What the block is about to do.
void begin_launch(const Block& block);
void begin_block(uint64_t number);
void enter_thread(unsigned thread, const void* stack, size_t stack_bytes);
void pause_thread();  // it waits, or has returned
void pass_barrier();
void sync_warp(unsigned warp);
void fence();                // __threadfence()
void stop_at_next_access();  // the block spins

// What happens to device memory outside kernels.
void allocated(const void* address, size_t bytes);
void released(const void* address);
void written_by_host(const void* to, size_t bytes);
void copied(const void* to, const void* from, size_t bytes);  // and with it, which bytes were never written
void forget_recent();                                         // what is kept of the last access

bool wrote(const void* address);  // whether the last launch wrote to the allocation that the address is in

// `from`: where in the program the access is, for the message. `frame`: above it lies all that is alive of the thread's
// stack; nullptr where that is not known.
void access(const void* address, size_t bytes, bool write, bool atomic, const void* from, const void* frame = nullptr);

#else

constexpr bool on = false;
inline void begin_launch(const Block&) {}
inline void begin_block(uint64_t) {}
inline void enter_thread(unsigned, const void*, size_t) {}
inline void pause_thread() {}
inline void pass_barrier() {}
inline void sync_warp(unsigned) {}
inline void fence() {}
inline void stop_at_next_access() {}
inline void allocated(const void*, size_t) {}
inline void released(const void*) {}
inline void written_by_host(const void*, size_t) {}
inline void copied(const void*, const void*, size_t) {}
inline bool wrote(const void*) { return false; }
inline void access(const void*, size_t, bool, bool, const void*) {}

#endif

}  // namespace checker
}  // namespace swingrad::cuda::emulator

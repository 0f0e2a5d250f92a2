// What the threads of a block have in common: shared memory and barriers.
#pragma once

#include "cuda/emulator/language/keywords.h"

#include <string>

namespace swingrad::cuda::emulator {

// Returns when all threads of the block have come: how many of them had a `predicate` other than 0.
int wait_at_barrier(int predicate, const char* operation, Site site);
void* dynamic_shared_memory();
void fence();       // what the thread has written so far comes before what it does to atomics from now on
void let_others();  // the block's other threads go on first

// Gives up the launch: launch() throws an Error that says where and `what`. Only inside a kernel.
[[noreturn]] void fail_in_kernel(const std::string& what);
[[noreturn]] void assertion_failed(const char* expression, Site site);

}  // namespace swingrad::cuda::emulator

namespace swingrad::cuda {

// The launch's shared_bytes, as an array of T. CUDA's `extern __shared__ T name[]`, which no compiler here can imitate.
template <class T>
T* dynamic_shared() {
    return static_cast<T*>(emulator::dynamic_shared_memory());
}

}  // namespace swingrad::cuda

#define SWINGRAD_SITE ::swingrad::cuda::emulator::Site site = ::swingrad::cuda::emulator::Site::current()

inline void __syncthreads(SWINGRAD_SITE) { swingrad::cuda::emulator::wait_at_barrier(0, "__syncthreads()", site); }
inline int __syncthreads_count(int predicate, SWINGRAD_SITE) {
    return swingrad::cuda::emulator::wait_at_barrier(predicate, "__syncthreads_count()", site);
}
inline int __syncthreads_or(int predicate, SWINGRAD_SITE) {
    return swingrad::cuda::emulator::wait_at_barrier(predicate, "__syncthreads_or()", site) != 0;
}
inline int __syncthreads_and(int predicate, SWINGRAD_SITE) {
    return swingrad::cuda::emulator::wait_at_barrier(!predicate, "__syncthreads_and()", site) == 0;
}
inline void __threadfence() { swingrad::cuda::emulator::fence(); }
inline void __threadfence_system() { swingrad::cuda::emulator::fence(); }
inline void __threadfence_block() {}
inline void __nanosleep(unsigned) { swingrad::cuda::emulator::let_others(); }

// In a kernel file a failed assertion is the launch's error, not the end of the program.
#include <cassert>
#ifndef NDEBUG
#undef assert
#define assert(...)                 \
    (static_cast<bool>(__VA_ARGS__) \
         ? void(0)                  \
         : ::swingrad::cuda::emulator::assertion_failed(#__VA_ARGS__, ::swingrad::cuda::emulator::Site::current()))
#endif

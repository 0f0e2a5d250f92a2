// Atomic operations: blocks run on several threads at once.
#pragma once

#include "cuda/emulator/language/keywords.h"

#include <cstddef>
#include <type_traits>

namespace swingrad::cuda::emulator {

#ifdef SWINGRAD_KERNEL_CHECK
void check_atomic_access(const void* address, size_t bytes);
#else
inline void check_atomic_access(const void*, size_t) {}
#endif

// A thread may be in a loop that ends when another thread of its block has changed something: now and then the others
// go on.
void after_atomic();

// Puts change(old) in the place of old; returns old. The compiler's own atomics, because the access checker would see
// into std::atomic_ref.
template <class T, class Change>
SWINGRAD_UNCHECKED T atomic_update(T* address, Change change) {
    check_atomic_access(address, sizeof(T));
    T old, next;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    do next = change(old);
    while (!__atomic_compare_exchange(address, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    after_atomic();
    return old;
}

}  // namespace swingrad::cuda::emulator

template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
    return swingrad::cuda::emulator::atomic_update(
        address, [&](T old) SWINGRAD_UNCHECKED { return static_cast<T>(old + value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
    return swingrad::cuda::emulator::atomic_update(address,
                                                   [&](T old) SWINGRAD_UNCHECKED { return old < value ? value : old; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
    return swingrad::cuda::emulator::atomic_update(address,
                                                   [&](T old) SWINGRAD_UNCHECKED { return value < old ? value : old; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
    return swingrad::cuda::emulator::atomic_update(address, [&](T) SWINGRAD_UNCHECKED { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
    return swingrad::cuda::emulator::atomic_update(
        address, [&](T old) SWINGRAD_UNCHECKED { return old == expected ? value : old; });
}

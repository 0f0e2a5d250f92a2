// Atomic operations: blocks run on several threads at once.
#pragma once

#include "cuda/emulator/language.h"

#include <atomic>
#include <type_traits>

namespace swingrad::cuda::emulator {

// Puts change(old) in the place of old; returns old.
template <class T, class Change>
SWINGRAD_UNCHECKED T atomic_update(T* address, Change change) {
    const std::atomic_ref<T> shared(*address);
    T old = shared.load(std::memory_order_relaxed);
    while (!shared.compare_exchange_weak(old, change(old), std::memory_order_relaxed)) {
    }
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

// Fibers: several stacks, one of them in use, and a jump from one to another (Boost.Context: 5-8 ns).
//
// AddressSanitizer and ThreadSanitizer must be told of every jump.
#pragma once

#include "cuda/emulator/language/keywords.h"

#include <boost/context/detail/fcontext.hpp>

#include <cstddef>

#if defined(SWINGRAD_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace swingrad::cuda::emulator {

struct Fiber {
    boost::context::detail::fcontext_t context = nullptr;  // where it goes on; its saved registers
    const void* stack = nullptr;                           // lowest address
    size_t stack_bytes = 0;
    void* address_sanitizer = nullptr;
    void* thread_sanitizer = nullptr;
};

// First thing on a new stack.
SWINGRAD_UNCHECKED inline void arrive(Fiber& at, boost::context::detail::transfer_t from) {
    auto& before = *static_cast<Fiber*>(from.data);
    before.context = from.fctx;
#if defined(SWINGRAD_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(at.address_sanitizer, &before.stack, &before.stack_bytes);
#else
    (void)at;
#endif
}

// Goes on at `to`. Returns when another fiber jumps back to `from`; if `for_good`, none ever does.
SWINGRAD_UNCHECKED inline void jump(Fiber& from, Fiber& to, bool for_good = false) {
#if defined(SWINGRAD_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.address_sanitizer, to.stack, to.stack_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(to.thread_sanitizer, 0);
#endif
    (void)for_good;
    arrive(from, boost::context::detail::jump_fcontext(to.context, &from));
}

}  // namespace swingrad::cuda::emulator

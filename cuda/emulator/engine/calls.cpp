// The functions that -fsanitize=thread makes kernels call. cuda/emulator/engine/checker.h says why they are ours.

#ifdef SWINGRAD_KERNEL_CHECK

#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/language/atomics.h"

namespace swingrad::cuda::emulator {
namespace {

// Kernel files hold functions of the host too.
void seen(const void* address, size_t bytes, bool write, bool atomic, const void* from, const void* frame = nullptr) {
    if (running_block) checker::access(address, bytes, write, atomic, from, frame);
}

}  // namespace

void check_atomic_access(const void* address, size_t bytes) {
    seen(address, bytes, true, true, __builtin_return_address(0));
}

}  // namespace swingrad::cuda::emulator

using swingrad::cuda::emulator::seen;

extern "C" {

// The caller's frame begins above its return address and the frame pointer, which these functions keep below it.
#define CALLER __builtin_return_address(0), static_cast<const char*>(__builtin_frame_address(0)) + 2 * sizeof(void*)
#define ONE(name, bytes, write) \
    void name(const void* address) { seen(address, bytes, write, false, CALLER); }
#define ALL(bytes)                                  \
    ONE(__tsan_read##bytes, bytes, false)           \
    ONE(__tsan_write##bytes, bytes, true)           \
    ONE(__tsan_unaligned_read##bytes, bytes, false) \
    ONE(__tsan_unaligned_write##bytes, bytes, true) \
    ONE(__tsan_volatile_read##bytes, bytes, false)  \
    ONE(__tsan_volatile_write##bytes, bytes, true)
ALL(1)
ALL(2)
ALL(4)
ALL(8)
ALL(16)
#undef ALL
#undef ONE

void __tsan_read_range(const void* address, size_t bytes) { seen(address, bytes, false, false, CALLER); }
void __tsan_write_range(const void* address, size_t bytes) { seen(address, bytes, true, false, CALLER); }
#undef CALLER
// Of host code in kernel files: the guard of a static variable, a shared_ptr's count. Kernels' atomics do not come
// here.
// NOLINTBEGIN(readability-non-const-parameter): they are written to
#define ATOMICS(bits, T)                                                                                               \
    T __tsan_atomic##bits##_load(const T* from, int) { return __atomic_load_n(from, __ATOMIC_SEQ_CST); }               \
    void __tsan_atomic##bits##_store(T* to, T value, int) { __atomic_store_n(to, value, __ATOMIC_SEQ_CST); }           \
    T __tsan_atomic##bits##_exchange(T* to, T value, int) { return __atomic_exchange_n(to, value, __ATOMIC_SEQ_CST); } \
    T __tsan_atomic##bits##_fetch_add(T* to, T value, int) { return __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST); } \
    T __tsan_atomic##bits##_fetch_sub(T* to, T value, int) { return __atomic_fetch_sub(to, value, __ATOMIC_SEQ_CST); }
ATOMICS(8, unsigned char)
ATOMICS(32, unsigned)
ATOMICS(64, unsigned long)
// NOLINTEND(readability-non-const-parameter)
#undef ATOMICS
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
void __tsan_init() {}

}  // extern "C"

#endif

// Kernel files are compiled with -fsanitize=bounds-strict, object-size and alignment: an index, or a step of a pointer,
// that leaves an array whose size the compiler knows (a local or a __shared__ one), and a float4 at an address that is
// no multiple of 16, call these functions. UndefinedBehaviorSanitizer's library, where it is linked, has its own.
//
// What no longer knows the array, a function that is given its address, say, may still write beyond its end. With
// -fstack-protector-strong a number lies there, and the function that has the array looks at it before it returns.

#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/report.h"
#include "cuda/emulator/machine/symbols.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#ifdef SWINGRAD_BOUNDS

namespace {

// What the compiler passes, as far as it is used here (gcc/ubsan.cc, compiler-rt/lib/ubsan/ubsan_handlers.h).
struct Place {
    const char* file;
    uint32_t line, column;
};
struct Type {
    uint16_t kind, information;
    char name[1];
};
struct OutOfBounds {
    Place place;
    const Type *array, *index;
};
struct TypeMismatch {
    Place place;
    const Type* type;
    unsigned char log_alignment, kind;
};

std::string text_of(Place place) { return swingrad::cuda::emulator::text_of({place.file, place.line}); }

}  // namespace

extern "C" {

void __ubsan_handle_out_of_bounds(const OutOfBounds* what, uintptr_t index) {
    swingrad::cuda::emulator::fail_in_kernel(fmt::format(
        "index {} is out of bounds of {} at {}", static_cast<int64_t>(index), what->array->name, text_of(what->place)));
}

void __ubsan_handle_type_mismatch_v1(const TypeMismatch* what, uintptr_t address) {
    if (address == 0) return;  // the access itself will tell
    if (address % (uintptr_t{1} << what->log_alignment) == 0)
        swingrad::cuda::emulator::fail_in_kernel(fmt::format("{} {} beyond the end of an array at {}",
                                                             what->kind == 1 ? "writes" : "reads", what->type->name,
                                                             text_of(what->place)));
    swingrad::cuda::emulator::fail_in_kernel(fmt::format("address {:#x} is no multiple of {}, as {} must be, at {}",
                                                         address, 1u << what->log_alignment, what->type->name,
                                                         text_of(what->place)));
}

// In place of the C library's, whose message this gives outside kernels.
[[noreturn]] void __stack_chk_fail() {
    using namespace swingrad::cuda::emulator;
    // -1: what never returns is called last, and the address after the call may be the next function's.
    const char* const call = static_cast<const char*>(__builtin_return_address(0)) - 1;
    if (running_block) fail_in_kernel(fmt::format("a local array of {} was written beyond its end", function_at(call)));
    std::fputs("*** stack smashing detected ***: terminated\n", stderr);
    std::abort();
}

}  // extern "C"

#endif

// Kernel files are compiled with -fsanitize=bounds-strict and alignment: an index that leaves an array whose size the
// compiler knows (a __shared__ one, say), and a float4 at an address that is no multiple of 16, call these functions.
// UndefinedBehaviorSanitizer's library, where it is linked, has its own.

#include "cuda/emulator/engine/report.h"
#include "cuda/emulator/language/synchronise.h"

#include <fmt/format.h>

#include <cstdint>

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
    swingrad::cuda::emulator::fail_in_kernel(fmt::format("address {:#x} is no multiple of {}, as {} must be, at {}",
                                                         address, 1u << what->log_alignment, what->type->name,
                                                         text_of(what->place)));
}

}  // extern "C"

#endif

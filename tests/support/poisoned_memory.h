// The CPU's memory as the tests have it: what is fresh holds NaN (in integers -1), so that what reads before it writes,
// or takes padding for zeros, is seen; and each tensor lies between two strips that must not change, looked at when
// it is released. Nothing is kept to be handed out again. poisoned_memory.cpp, linked first, installs it before any
// tensor is made.
#pragma once

#include "core/device.h"

#include <cstddef>
#include <string>

namespace swingrad::test {

// Not under AddressSanitizer, which looks on by itself and sees more where memory lies as the program has it.
bool memory_is_poisoned();
void poison_memory();

// While one of these lives, released memory is kept and handed out again, as in the program: for tests of that.
class KeptMemory {
  public:
    KeptMemory();
    ~KeptMemory();
    KeptMemory(const KeptMemory&) = delete;
    KeptMemory& operator=(const KeptMemory&) = delete;
};

// What was written around a block that poison_memory() gave: "", or "wrote 4 bytes after the end of a tensor of 12
// bytes". A tensor's memory is looked at when it is released; then the program ends with that as its last line.
std::string written_around(const void* address, size_t bytes);

}  // namespace swingrad::test

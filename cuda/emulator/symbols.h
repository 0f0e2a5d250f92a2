// Names: of a kernel, and of its __shared__ variables, from the symbol table of the file that holds it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace swingrad::cuda::emulator {

struct SharedVariable {
    size_t offset, bytes;  // in the module's thread-local storage
    std::string name;      // "part of block_sum"
};

// What is known of a kernel.
struct Kernel {
    std::string name;
    size_t module = 0;                   // index into the program and its libraries
    std::vector<SharedVariable> shared;  // its own, and those of functions that it may call
    size_t own_shared_bytes = 0;
};

const Kernel& kernel_at(const void* address);

// This thread's copy of a module's thread-local storage; nullptr where it has none.
char* thread_storage(size_t module);

}  // namespace swingrad::cuda::emulator

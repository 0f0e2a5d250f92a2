// Names: of a kernel, and of its __shared__ variables, from the symbol table of the file that holds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace swingrad::cuda::emulator {

struct SharedVariable {
    size_t offset, bytes;  // in the module's thread-local storage
    std::string name;      // "part of block_sum"
};

// What is known of a kernel. A module is the program, or a library that it has loaded.
struct Kernel {
    std::string name;
    uintptr_t module = 0;                // its address
    std::vector<SharedVariable> shared;  // its own and those of functions that it may call, in order of their offsets
    size_t own_shared_bytes = 0;
    unsigned most_threads = 0;  // by its __launch_bounds__; 0: it has none
};

const Kernel& kernel_at(const void* address);
std::string function_at(const void* code);  // "test::helper", the function that holds an address of code

// This thread's copy of a module's thread-local variables, of which the __shared__ ones are some.
struct ThreadStorage {
    char* begin = nullptr;
    size_t bytes = 0;
};
ThreadStorage thread_storage(uintptr_t module);

}  // namespace swingrad::cuda::emulator

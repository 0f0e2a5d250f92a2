// Where things are, for the access checker's messages.
#pragma once

#include "cuda/emulator/machine/symbols.h"

#include <cstdint>
#include <string>

namespace swingrad::cuda::emulator::checker {

std::string source_line(const void* code);  // "cuda/norm/softmax.cu:40" of a return address; needs debug information

// Whether an address lies in the program or a library: code, constants, global variables.
bool in_loaded_module(uintptr_t address);

// The __shared__ variable at an offset of the thread-local storage; nullptr where there is none that the kernel may
// use.
const SharedVariable* variable_at(const Kernel& kernel, size_t offset);

}  // namespace swingrad::cuda::emulator::checker

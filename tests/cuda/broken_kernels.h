// Kernels with one mistake each, for test_emulator.cpp.
#pragma once

#include <string>

namespace swingrad::test {

constexpr int broken_floats = 300;

// Launches the kernel of that name on x and y, 300 floats each in device memory, and waits.
void launch_broken(const std::string& name, float* x, float* y);

}  // namespace swingrad::test

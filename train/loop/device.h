// --device and --precision, as commands and recipes name them.
#pragma once

#include "core/device.h"
#include "core/dtype.h"

#include <string>

namespace swingrad {

// For --help.
constexpr const char* device_help =
    "cpu | reference, the CPU by plain loops: slow | cuda, the GPU | emulated, the GPU's kernels on the CPU: slow";
constexpr const char* precision_help = "f32 | bf16, mixed precision: less memory, float32 where it matters | f64";

// Throws a UsageError unless both are names there are.
void check_names(const std::string& device, const std::string& precision = "f32");

// Where tensors of a run on that device live; for "reference", the CPU computes by plain loops from now on, for any
// other by fast paths (ops/operation.h). Throws a UsageError that says what there is instead where this build or
// this machine has no such device.
Device choose_device(const std::string& name);
DType dtype_of_precision(const std::string& precision);

// What computes there: "cpu"; "NVIDIA H100 80GB HBM3, 79.6 GiB, compute capability 9.0"; "emulated on 2 cores".
std::string description_of(const std::string& device);

}  // namespace swingrad

// What nvcc made of the kernels: read by NVIDIA's cuobjdump from a library or an object file.
#pragma once

#include "train/program/kernels/gpu.h"

#include <filesystem>
#include <string_view>
#include <vector>

namespace swingrad {

// Throws an Error in one line where the file cannot be read, holds no code for GPUs, or cuobjdump is not on the PATH.
std::vector<KernelResources> compiled_kernels(const std::filesystem::path& file);

// The same of what `cuobjdump -res-usage` prints.
std::vector<KernelResources> parse_resource_usage(std::string_view text);

}  // namespace swingrad

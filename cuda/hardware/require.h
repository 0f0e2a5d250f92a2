// Every call of CUDA's goes through one of these.
#pragma once

#include "cuda/runtime/runtime.h"

#include <driver_types.h>
#include <vector_types.h>

#include <source_location>

namespace swingrad::cuda {

// Throws an Error naming what was tried, and where, unless `status` is success. CUDA keeps the last error until it is
// asked for, and the next launch would find it there: whoever reports an error here, or passes over it, takes it away.
void require(cudaError_t status, const char* what, const std::source_location& where = std::source_location::current());

// The same for a launch: names the kernel, its grid and block. Does not wait: what goes wrong while the kernel runs is
// thrown by a later call, unless SWINGRAD_CUDA_SYNCHRONOUS is set in the environment, which makes every launch wait.
void require_launched(cudaError_t status, const void* kernel, dim3 grid, dim3 block, size_t shared_bytes, Stream stream,
                      const std::source_location& where);

// For calls whose failure does not matter.
void ignore(cudaError_t status);

}  // namespace swingrad::cuda

// The one header that every kernel file (*.cu) includes: CUDA itself where nvcc compiles, the emulator's account of it
// where g++ does. cuda/README.md has the rules that make one file fit both.
#pragma once

#include "core/element.h"
#include "cuda/runtime/runtime.h"

#include <cstdint>

#ifdef __CUDACC__
#include "cuda/hardware/device.h"
#else
#include "cuda/emulator/device.h"
#endif

namespace swingrad::cuda {

constexpr unsigned warp_size = 32;
constexpr unsigned all_lanes = 0xffffffffu;

// How many blocks of `each` cover `count`.
inline unsigned blocks_for(int64_t count, int64_t each) { return static_cast<unsigned>((count + each - 1) / each); }

}  // namespace swingrad::cuda

// At the end of a kernel file: the kernels of the operation whose arguments are Op, for all types.
#define SWINGRAD_KERNELS(Op)                                      \
    template void Op<float>::forward_kernel() const;              \
    template void Op<double>::forward_kernel() const;             \
    template void Op<swingrad::bfloat16>::forward_kernel() const; \
    template void Op<float>::backward_kernel() const;             \
    template void Op<double>::backward_kernel() const;            \
    template void Op<swingrad::bfloat16>::backward_kernel() const;

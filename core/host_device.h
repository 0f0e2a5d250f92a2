// For functions that the CPU's loops and the GPU's kernels share.
#pragma once

// Before a function, for a CUDA compiler: build it for the CPU and for the GPU. Nothing to any other compiler.
#if defined(__CUDACC__)
#define SWINGRAD_HOST_DEVICE __host__ __device__
#else
#define SWINGRAD_HOST_DEVICE
#endif

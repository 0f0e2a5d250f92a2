// GPUs, as far as a prediction needs them, and how many threads of a kernel one of their processors holds at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace swingrad {

// What a processor of a GPU (a streaming multiprocessor) has to share out, from the table of compute capabilities in
// the CUDA C++ Programming Guide.
struct Multiprocessor {
    std::string architecture;  // "sm_90"
    int64_t registers, threads, blocks, shared_bytes;
};

// From the vendor's data sheets, without sparsity.
struct Gpu {
    std::string name;         // "h200"
    std::string text;         // "H200, SXM"
    double bytes_per_second;  // of its memory
    double bfloat16_flops;    // a second, by tensor cores
    double float32_flops;     // a second, without
    Multiprocessor processor;
};

std::span<const Gpu> gpus();
// Throws a UsageError that names them all where there is none of that name.
const Gpu& gpu_named(const std::string& name);

// What a kernel takes, as its compiled code says.
struct KernelResources {
    std::string name;          // as in cuda/runtime/kernel_counts.h
    std::string architecture;  // "sm_90"
    int64_t registers = 0;     // a thread
    int64_t stack_bytes = 0;   // a thread; where registers did not suffice, or for arrays that are indexed
    int64_t shared_bytes = 0;  // a block, of its __shared__ variables
};

// The share of a processor's threads that blocks of this kernel can fill, 0 to 1: the fewest blocks that registers,
// shared memory, threads and slots for blocks leave room for. Registers are given out 256 a warp, shared memory 128
// bytes at a time and 1 KiB a block beside its own.
double occupancy(const Multiprocessor& processor, const KernelResources& kernel, int64_t block_threads,
                 int64_t block_shared_bytes);

}  // namespace swingrad

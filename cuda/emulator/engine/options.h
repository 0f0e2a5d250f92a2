// What can be chosen about the emulator, and what it counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace swingrad::cuda::emulator {

struct Options {
    // 0: a block's threads run in order. Any other number: in an order drawn from it, of a kind that it says (order.h).
    // Starts as the environment's SWINGRAD_EMULATOR_SEED.
    uint32_t seed = 0;
    // Blocks that run at once at most; 0: as many as core's pool has threads.
    int workers = 0;
    size_t shared_limit = size_t{227} << 10;  // bytes of shared memory a block, static and dynamic: an H100's
    size_t memory_limit = ~size_t{0};  // bytes of device memory; starts as SWINGRAD_EMULATOR_MEMORY, where that is set
    // Processor time that a block may take before it is said to spin; 0: any. Starts as SWINGRAD_EMULATOR_SECONDS,
    // where that is set.
    double block_seconds = 30;
};
Options& options();  // not to be changed while a kernel runs

bool access_checked();  // whether this is the library with the access checker (checker.h)

struct Counters {
    uint64_t launches = 0, blocks = 0, threads = 0;
    uint64_t switches = 0;  // from one thread of a block to another that had waited
    uint64_t barriers = 0, warp_operations = 0;
};
Counters counters();  // since the program began

}  // namespace swingrad::cuda::emulator

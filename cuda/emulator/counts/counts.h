// Where the emulator tells what it does, for cuda/runtime/kernel_counts.h. Nothing is kept unless somebody counts.
#pragma once

#include "cuda/emulator/language/launch.h"
#include "cuda/emulator/machine/symbols.h"

#include <cstddef>
#include <cstdint>

namespace swingrad::cuda::emulator::counts {

void launched(const Launch& launch, const Kernel& kernel);  // it has run
void multiplied(int64_t batch, int64_t m, int64_t n, int64_t k, size_t factor_bytes, size_t result_bytes);
void copied(size_t bytes);
void filled(size_t bytes);

// ---- accesses, of the access checker's library: blocks run one at a time there

void begin_launch(uint64_t blocks);
void begin_block(uint64_t number);
// An access of a thread of the running block. `from`: the instruction, as its address. Device memory: of the allocation
// [begin, end). Shared memory: by an offset.
void device_access(uintptr_t begin, uintptr_t end, uintptr_t address, size_t bytes, bool write, unsigned thread,
                   const void* from);
void shared_access(uintptr_t offset, size_t bytes, unsigned thread, const void* from);
void forget(uintptr_t begin);  // an allocation was released

// What the accesses of the last launch came to.
struct AccessCounts {
    int64_t read_sectors = 0, written_sectors = 0, requests = 0, request_sectors = 0, request_threads = 0;
    int64_t shared_passes = 0, least_shared_passes = 0;
};
AccessCounts end_launch();

bool on();  // whether somebody counts

}  // namespace swingrad::cuda::emulator::counts

// The access checker's shadow of the memory: a cell for every byte that a kernel may touch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace swingrad::cuda::emulator::checker {

struct Access {
    uint32_t time = 0;        // 0: never; 1: by the host
    uint16_t thread = 0;      // of its block
    uint16_t warp_time : 13;  // how many __syncwarp its warp had passed
    uint16_t atomic : 1;
    uint16_t several : 1;        // of reads: other threads read at the same time
    uint16_t several_warps : 1;  // ... and not of this warp alone
};
struct Cell {
    Access write, read;  // the last of each
};
static_assert(sizeof(Cell) == 16);

struct Region {
    uintptr_t begin = 0, end = 0;
    Cell* cells = nullptr;
    // Of device memory: the launches that last had a pointer to it, and that last wrote.
    uint32_t given = 0, written = 0;

    bool holds(uintptr_t address) const { return address >= begin && address < end; }
};

// A shadow of memory that is not the device's, to stay.
Region shadow_of(const void* begin, size_t bytes);
// The device memory that an address is in; nullptr where there is none.
Region* device_region(uintptr_t address);

}  // namespace swingrad::cuda::emulator::checker

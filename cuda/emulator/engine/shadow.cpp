#include "cuda/emulator/engine/shadow.h"

#ifdef SWINGRAD_KERNEL_CHECK

#include "core/error.h"
#include "cuda/emulator/counts/counts.h"
#include "cuda/emulator/engine/checker.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>

namespace swingrad::cuda::emulator::checker {
namespace {

std::map<uintptr_t, Region>& device_memory() {  // by begin; never destroyed
    static auto& regions = *new std::map<uintptr_t, Region>;
    return regions;
}

}  // namespace

// Pages come when they are touched: a shadow costs what is used of it.
Region shadow_of(const void* begin, size_t bytes) {
    void* const cells = mmap(nullptr, std::max<size_t>(1, bytes) * sizeof(Cell), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(cells != MAP_FAILED, "[cuda] the access checker finds no memory for {} bytes", bytes);
    const auto from = reinterpret_cast<uintptr_t>(begin);
    return {from, from + bytes, static_cast<Cell*>(cells)};
}

Region* device_region(uintptr_t address) {
    auto& regions = device_memory();
    const auto next = regions.upper_bound(address);
    if (next == regions.begin()) return nullptr;
    Region& region = std::prev(next)->second;
    return region.holds(address) ? &region : nullptr;
}

void allocated(const void* address, size_t bytes) {
    device_memory()[reinterpret_cast<uintptr_t>(address)] = shadow_of(address, bytes);
}

void released(const void* address) {
    const auto found = device_memory().find(reinterpret_cast<uintptr_t>(address));
    const Region& region = found->second;
    munmap(region.cells, std::max<size_t>(1, region.end - region.begin) * sizeof(Cell));
    device_memory().erase(found);
    counts::forget(reinterpret_cast<uintptr_t>(address));
    forget_recent();
}

void written_by_host(const void* to, size_t bytes) {
    const auto address = reinterpret_cast<uintptr_t>(to);
    const Region* const region = device_region(address);
    if (!region) return;
    for (size_t i = 0; i < bytes; ++i) region->cells[address - region->begin + i].write.time = 1;
}

void copied(const void* to, const void* from, size_t bytes) {
    const auto target = reinterpret_cast<uintptr_t>(to), source = reinterpret_cast<uintptr_t>(from);
    const Region *const target_region = device_region(target), *const source_region = device_region(source);
    if (!target_region || !source_region) return;
    for (size_t i = 0; i < bytes; ++i)
        target_region->cells[target - target_region->begin + i].write.time =
            source_region->cells[source - source_region->begin + i].write.time ? 1 : 0;
}

}  // namespace swingrad::cuda::emulator::checker

#endif

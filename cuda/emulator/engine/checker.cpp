// Every byte that a kernel may touch has a cell in a shadow of the memory: which thread wrote it last, which read it
// last, and when. "When" counts launches, blocks and barriers on one clock, so that two accesses by threads of one
// block with the same time have no barrier between them.

#include "cuda/emulator/engine/checker.h"

#ifdef SWINGRAD_KERNEL_CHECK

#include "core/error.h"
#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/places.h"
#include "cuda/emulator/engine/report.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

namespace swingrad::cuda::emulator::checker {
namespace {

struct Access {
    uint32_t time = 0;        // 0: never
    uint16_t thread = 0;      // of its block
    uint16_t warp_time : 13;  // how many __syncwarp its warp had passed
    uint16_t atomic : 1;
    uint16_t several : 1;        // of reads: other threads read at the same time
    uint16_t several_warps : 1;  // ... and not of this warp alone
};
struct Cell {
    Access write, read;
};
static_assert(sizeof(Cell) == 16);

struct Region {
    uintptr_t begin = 0, end = 0;
    Cell* cells = nullptr;

    bool holds(uintptr_t address) const { return address >= begin && address < end; }
};

// Pages come when they are touched: a shadow costs what is used of it.
Region shadow_of(const void* begin, size_t bytes) {
    void* const cells = mmap(nullptr, std::max<size_t>(1, bytes) * sizeof(Cell), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(cells != MAP_FAILED, "[cuda] the access checker finds no memory for {} bytes", bytes);
    const auto from = reinterpret_cast<uintptr_t>(begin);
    return {from, from + bytes, static_cast<Cell*>(cells)};
}
void drop(const Region& shadow) { munmap(shadow.cells, std::max<size_t>(1, shadow.end - shadow.begin) * sizeof(Cell)); }

std::map<uintptr_t, Region>& device_memory() {  // by begin; never destroyed
    static auto& regions = *new std::map<uintptr_t, Region>;
    return regions;
}
Region* device_region(uintptr_t address) {
    auto& regions = device_memory();
    const auto next = regions.upper_bound(address);
    if (next == regions.begin()) return nullptr;
    Region& region = std::prev(next)->second;
    return region.holds(address) ? &region : nullptr;
}

// What the running block can reach, and where the clock stands.
const Block* block = nullptr;
uint32_t now = 1, launch_began = 0, block_began = 0;  // 1: the host wrote it
std::vector<uint32_t> block_times;                    // of this launch: when each block began
std::vector<uint64_t> block_numbers;
unsigned thread = 0;
uint16_t warp_time = 0;
std::array<uint16_t, most_threads / 32> warp_times{};
Region stack, dynamic_shared, storage, recent;  // `recent`: of device memory, where the last access was
std::array<Region, 4> builtins;

[[noreturn]] void report(const std::string& what, const void* from) {
    fail_in_kernel(fmt::format("{} at {}", what, source_line(from)));
}

std::string text_of_thread(unsigned number) { return "thread " + text_of(block->threads[number].index); }

// The block that was running at a time of this launch.
std::string text_of_block(uint32_t time) {
    const auto next = std::upper_bound(block_times.begin(), block_times.end(), time);
    return "block " + text_of(block->index_of(block_numbers[static_cast<size_t>(next - block_times.begin()) - 1]));
}

std::string place_of(uintptr_t address) {
    if (dynamic_shared.holds(address))
        return fmt::format("byte {} of dynamic shared memory", address - dynamic_shared.begin);
    if (storage.holds(address)) {
        const SharedVariable& variable = *variable_at(*block->kernel, address - storage.begin);
        return fmt::format("byte {} of __shared__ {}", address - storage.begin - variable.offset, variable.name);
    }
    return describe_address(reinterpret_cast<const void*>(address));
}

// Whether a __syncwarp() lies between an access of this warp's and now.
bool ordered(const Access& before) { return before.thread / 32 == thread / 32 && before.warp_time != warp_time; }

void check_against_write(const Cell& cell, uintptr_t address, bool write, bool atomic, bool shared, const void* from) {
    const Access& last = cell.write;
    if (last.time < launch_began || (last.atomic && atomic)) return;
    const char* const does = write ? "writes" : "reads";
    if (last.time < block_began) {
        if (shared) return;
        report(fmt::format("a race between blocks: {}, {} wrote what this thread {}, {},", text_of_block(last.time),
                           text_of_thread(last.thread), does, place_of(address)),
               from);
    }
    if (last.time == now && last.thread != thread && !ordered(last))
        report(fmt::format("a race: {} wrote what this thread {} with no barrier between, {},",
                           text_of_thread(last.thread), does, place_of(address)),
               from);
}

void check_against_read(const Cell& cell, uintptr_t address, bool atomic, bool shared, const void* from) {
    const Access& last = cell.read;
    if (last.time < launch_began || (last.atomic && atomic)) return;
    if (last.time < block_began && !shared && !atomic)
        report(fmt::format("a race between blocks: {}, {} read what this thread writes, {},", text_of_block(last.time),
                           text_of_thread(last.thread), place_of(address)),
               from);
    if (last.time != now || (!last.several && last.thread == thread)) return;
    if (!last.several_warps && ordered(last)) return;
    report(fmt::format("a race: {}{} read what this thread writes with no barrier between, {},",
                       text_of_thread(last.thread), last.several ? " and others" : "", place_of(address)),
           from);
}

void check_cells(Cell* cell, uintptr_t address, size_t bytes, bool write, bool atomic, bool shared, const void* from) {
    const Access mine{now, static_cast<uint16_t>(thread), warp_time, atomic, false, false};
    for (const uintptr_t end = address + bytes; address < end; ++address, ++cell) {
        if ((!write || atomic) && (shared ? cell->write.time < block_began : cell->write.time == 0))
            report(fmt::format("a read of bytes never written, {},", place_of(address)), from);
        check_against_write(*cell, address, write, atomic, shared, from);
        if (write) {
            check_against_read(*cell, address, atomic, shared, from);
            cell->write = mine;
        } else if (cell->read.time != now || ordered(cell->read)) cell->read = mine;
        else if (cell->read.thread != thread) {
            cell->read.several = true;
            if (cell->read.thread / 32 != thread / 32) cell->read.several_warps = true;
        }
    }
}

void access_outside(uintptr_t address, size_t bytes, bool write, const void* from) {
    const auto closure = reinterpret_cast<uintptr_t>(block->launch->closure);
    if (address >= closure && address < closure + block->launch->closure_bytes) return;  // the kernel's arguments
    if (in_loaded_module(address)) return;  // constants, __constant__ and __device__ variables
    if (block->is_stack(reinterpret_cast<const void*>(address)))
        report("an access to another thread's local variables", from);
    report(fmt::format("{} {} bytes at an illegal address: {},", write ? "writes" : "reads", bytes,
                       block->describe(reinterpret_cast<const void*>(address))),
           from);
}

}  // namespace

void access(const void* where, size_t bytes, bool write, bool atomic, const void* from) {
    const auto address = reinterpret_cast<uintptr_t>(where);
    if (stack.holds(address)) return;
    for (const Region& variable : builtins)
        if (variable.holds(address)) return;
    if (recent.holds(address) && address + bytes <= recent.end)
        return check_cells(recent.cells + (address - recent.begin), address, bytes, write, atomic, false, from);
    if (dynamic_shared.holds(address)) {
        if (address + bytes > dynamic_shared.end) access_outside(address, bytes, write, from);
        return check_cells(dynamic_shared.cells + (address - dynamic_shared.begin), address, bytes, write, atomic, true,
                           from);
    }
    if (storage.holds(address)) {
        const SharedVariable* const variable = variable_at(*block->kernel, address - storage.begin);
        if (!variable)
            report(fmt::format("{} beyond the end of a __shared__ variable,", write ? "writes" : "reads"), from);
        return check_cells(storage.cells + (address - storage.begin), address, bytes, write, atomic, true, from);
    }
    if (const Region* region = device_region(address); region && address + bytes <= region->end) {
        recent = *region;
        return check_cells(recent.cells + (address - recent.begin), address, bytes, write, atomic, false, from);
    }
    access_outside(address, bytes, write, from);
}

// ---- what the engine tells

void begin_launch(const Block& of) {
    static const Region all_shared = shadow_of(of.shared_pages(), most_shared);
    static std::map<uintptr_t, Region> storages;  // by module
    block = &of;
    launch_began = ++now;
    block_times.clear();
    block_numbers.clear();
    const auto begin = reinterpret_cast<uintptr_t>(of.shared);
    // Its end is the pages' end, so it moves with its size; its cells move with it.
    dynamic_shared = {begin, begin + of.launch->shared_bytes, all_shared.cells};
    const ThreadStorage found = thread_storage(of.kernel->module);
    const auto [known, is_new] = storages.try_emplace(of.kernel->module);
    if (is_new) known->second = shadow_of(found.begin, found.bytes);
    const auto at = reinterpret_cast<uintptr_t>(found.begin);  // not the same on every thread
    storage = {at, at + found.bytes, known->second.cells};
    const auto region = [](const auto& variable) {
        const auto from = reinterpret_cast<uintptr_t>(&variable);
        return Region{from, from + sizeof variable, nullptr};
    };
    builtins = {region(threadIdx), region(blockIdx), region(blockDim), region(gridDim)};
}

void begin_block(uint64_t number) {
    block_began = ++now;
    block_times.push_back(now);
    block_numbers.push_back(number);
    warp_times.fill(0);
}

void enter_thread(unsigned number, const void* stack_begin, size_t stack_size) {
    thread = number;
    warp_time = warp_times[number / 32];
    const auto begin = reinterpret_cast<uintptr_t>(stack_begin);
    stack = {begin, begin + stack_size, nullptr};
}

void pass_barrier() { ++now; }

void sync_warp(unsigned warp) {
    warp_times[warp] = static_cast<uint16_t>((warp_times[warp] + 1) % (1 << 13));
    if (warp == thread / 32) warp_time = warp_times[warp];
}

// ---- device memory

void allocated(const void* address, size_t bytes) {
    device_memory()[reinterpret_cast<uintptr_t>(address)] = shadow_of(address, bytes);
}

void released(const void* address) {
    const auto found = device_memory().find(reinterpret_cast<uintptr_t>(address));
    drop(found->second);
    device_memory().erase(found);
    recent = {};
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

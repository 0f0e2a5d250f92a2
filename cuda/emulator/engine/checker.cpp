// Every byte that a kernel may touch has a cell in a shadow of the memory (shadow.h): which thread wrote it last, which
// read it last, and when. "When" counts launches, blocks and barriers on one clock, so that two accesses by threads of
// one block with the same time have no barrier between them.

#include "cuda/emulator/engine/checker.h"

#ifdef SWINGRAD_KERNEL_CHECK

#include "cuda/emulator/counts/counts.h"
#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/fences.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/places.h"
#include "cuda/emulator/engine/report.h"
#include "cuda/emulator/engine/shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

namespace swingrad::cuda::emulator::checker {
namespace {

// What the running block can reach, and where the clock stands.
const Block* block = nullptr;
uint32_t now = 1, launch_began = 0, block_began = 0;  // 1: the host wrote it
std::vector<uint32_t> block_times;                    // of this launch: when each block began
std::vector<uint64_t> block_numbers;
unsigned thread = 0;
uint16_t warp_time = 0;
std::array<uint16_t, most_threads / 32> warp_times{};
Region stack, dynamic_shared, storage;
Region* recent = nullptr;  // of device memory, where the last access was
std::array<Region, 4> builtins;

volatile bool spinning = false;

Moment this_moment() { return {now, static_cast<uint16_t>(thread), warp_time, block_began}; }

[[noreturn]] void report(const std::string& what, const void* from) {
    fail_in_kernel(fmt::format("{} at {}", what, source_line(from)));
}

std::string text_of_thread(unsigned number) { return "thread " + text_of(block->threads[number].index); }

// The block that was running at a time of this launch: which of those that have run.
size_t block_at(uint32_t time) {
    return static_cast<size_t>(std::upper_bound(block_times.begin(), block_times.end(), time) - block_times.begin()) -
           1;
}
std::string text_of_block(uint32_t time) { return "block " + text_of(block->index_of(block_numbers[block_at(time)])); }

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

// Whether fences lie between an access of another block's and now.
bool ordered_by_fences(const Access& before, uintptr_t address) {
    const Moment then{before.time, before.thread, before.warp_time, block_times[block_at(before.time)]};
    return fences::ordered(then, this_moment(), address);
}

void check_against_write(const Cell& cell, uintptr_t address, bool write, bool atomic, bool shared, const void* from) {
    const Access& last = cell.write;
    if (last.time < launch_began || (last.atomic && atomic)) return;
    const char* const does = write ? "writes" : "reads";
    if (last.time < block_began) {
        if (shared || ordered_by_fences(last, address)) return;
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
    if (last.time < block_began && !shared && !atomic && !ordered_by_fences(last, address))
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

// ---- local variables
//
// Kernels are compiled with -ftrivial-auto-var-init=pattern: what is not given a value holds these bytes, as a float
// -1.7e38. Where a thread reads them from an array of its own, or stores them anywhere else, it is told of. What was
// stored is known once the thread goes on.

#if defined(__clang__)
constexpr unsigned char unset = 0xaa;
#else
constexpr unsigned char unset = 0xfe;
#endif

struct Store {
    const void* address = nullptr;  // nullptr: none
    size_t bytes = 0;
    const void* from = nullptr;
} last_store;

bool is_unset(const void* address, size_t bytes) {
    const auto* const at = static_cast<const unsigned char*>(address);
    return bytes >= 4 && bytes <= 16 && std::all_of(at, at + bytes, [](unsigned char byte) { return byte == unset; });
}

void check_last_store() {
    const Store store = std::exchange(last_store, {});
    if (store.address && is_unset(store.address, store.bytes))
        report("stores a local variable that was given no value,", store.from);
}

void access_stack(uintptr_t address, size_t bytes, bool write, const void* from, const void* frame) {
    const auto alive = reinterpret_cast<uintptr_t>(frame);
    if (address < alive) report("an access to a local variable of a function that has returned,", from);
    if (!write && is_unset(reinterpret_cast<const void*>(address), bytes))
        report("a read of a local variable that was given no value,", from);
}

void access_outside(uintptr_t address, size_t bytes, bool write, const void* from) {
    const auto closure = reinterpret_cast<uintptr_t>(block->launch->closure);
    if (address >= closure && address < closure + block->launch->closure_bytes) return;  // the kernel's arguments
    if (in_loaded_module(address)) return;  // constants, __constant__ and __device__ variables
    if (block->is_stack(reinterpret_cast<const void*>(address)))
        report("an access to another thread's local variables,", from);
    report(fmt::format("{} {} bytes at an illegal address: {},", write ? "writes" : "reads", bytes,
                       block->describe(reinterpret_cast<const void*>(address))),
           from);
}

void access_device(Region& region, uintptr_t address, size_t bytes, bool write, bool atomic, const void* from) {
    if (region.given != launch_began)
        report(fmt::format("{} {} bytes of device memory that the kernel was given no pointer to, {},",
                           write ? "writes" : "reads", bytes, place_of(address)),
               from);
    recent = &region;
    check_cells(region.cells + (address - region.begin), address, bytes, write, atomic, false, from);
    if (counts::on()) counts::device_access(region.begin, region.end, address, bytes, write, thread, from);
    if (!write) return;
    region.written = launch_began;
    if (atomic) fences::changed_atomic(this_moment(), address);
    else fences::wrote(this_moment(), address, bytes);
}

void access_shared(const Region& region, uintptr_t address, size_t bytes, bool write, bool atomic, const void* from) {
    check_cells(region.cells + (address - region.begin), address, bytes, write, atomic, true, from);
    // A kernel's dynamic shared memory and its variables are apart.
    const uintptr_t apart = &region == &storage ? uintptr_t{1} << 30 : 0;
    if (counts::on()) counts::shared_access(apart + address - region.begin, bytes, thread, from);
}

}  // namespace

void access(const void* where, size_t bytes, bool write, bool atomic, const void* from, const void* frame) {
    const auto address = reinterpret_cast<uintptr_t>(where);
    if (last_store.address) check_last_store();
    if (spinning) report(text_of_spinning() + ",", from);
    if (stack.holds(address)) return access_stack(address, bytes, write, from, frame);
    for (const Region& variable : builtins)
        if (variable.holds(address)) return;
    if (write && !atomic) last_store = {where, bytes, from};
    if (recent && recent->holds(address) && address + bytes <= recent->end)
        return access_device(*recent, address, bytes, write, atomic, from);
    if (dynamic_shared.holds(address)) {
        if (address + bytes > dynamic_shared.end) access_outside(address, bytes, write, from);
        return access_shared(dynamic_shared, address, bytes, write, atomic, from);
    }
    if (storage.holds(address)) {
        if (!variable_at(*block->kernel, address - storage.begin))
            report(fmt::format("{} beyond the end of a __shared__ variable,", write ? "writes" : "reads"), from);
        return access_shared(storage, address, bytes, write, atomic, from);
    }
    if (Region* const region = device_region(address); region && address + bytes <= region->end)
        return access_device(*region, address, bytes, write, atomic, from);
    access_outside(address, bytes, write, from);
}

// ---- what the engine tells

void begin_launch(const Block& of) {
    static const Region all_shared = shadow_of(of.shared_pages(), most_shared);
    static std::map<uintptr_t, Region> storages;  // by module
    block = &of;
    launch_began = ++now;
    recent = nullptr;
    last_store = {};
    fences::begin_launch();
    counts::begin_launch(uint64_t{of.launch->grid.x} * of.launch->grid.y * of.launch->grid.z);
    for (const void* given : addresses_among(of.launch->closure, of.launch->closure_bytes))
        if (Region* const region = device_region(reinterpret_cast<uintptr_t>(allocation_of(given))))
            region->given = launch_began;
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
    spinning = false;
    fences::begin_block();
    counts::begin_block(number);
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

void forget_recent() { recent = nullptr; }
void pause_thread() { check_last_store(); }
void stop_at_next_access() { spinning = true; }
void fence() { fences::fence(this_moment()); }
void pass_barrier() { ++now; }

void sync_warp(unsigned warp) {
    warp_times[warp] = static_cast<uint16_t>((warp_times[warp] + 1) % (1 << 13));
    if (warp == thread / 32) warp_time = warp_times[warp];
}

bool wrote(const void* address) {
    const void* const allocation = allocation_of(address);
    const Region* const region = allocation ? device_region(reinterpret_cast<uintptr_t>(allocation)) : nullptr;
    return region && region->written == launch_began;
}

}  // namespace swingrad::cuda::emulator::checker

#endif

#include "cuda/emulator/language/launch.h"

#include "core/error.h"
#include "core/threads.h"
#include "cuda/emulator/counts/counts.h"
#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/engine/report.h"
#include "cuda/emulator/engine/signals.h"
#include "cuda/emulator/engine/streams.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <tuple>

namespace swingrad::cuda::emulator {
namespace {

constexpr uint64_t worth_waking = 16384;  // threads of a launch that several cores share
constexpr size_t most_static_shared = size_t{48} << 10;
#if defined(SWINGRAD_ADDRESS_SANITIZER)
constexpr bool one_block_at_a_time = true;  // __shared__ variables are there once
#else
constexpr bool one_block_at_a_time = checker::on;
#endif

std::mutex counters_mutex;
Counters total;

void collect(Counters& from) {
    const std::lock_guard lock(counters_mutex);
    total.blocks += from.blocks;
    total.threads += from.threads;
    total.switches += from.switches;
    total.barriers += from.barriers;
    total.warp_operations += from.warp_operations;
    from = {};
}

void check_launch(const Launch& launch, const Kernel& kernel) {
    const auto refuse = [&](const std::string& why) {
        fail("[cuda] {} cannot be launched: {}; {}", kernel.name, why, text_of_launch(launch));
    };
    const auto& [grid, block] = std::tie(launch.grid, launch.block);
    const uint64_t threads = uint64_t{block.x} * block.y * block.z;
    if (running_block) refuse("a kernel may not launch another");
    if (threads == 0 || grid.x == 0 || grid.y == 0 || grid.z == 0) refuse("its grid or its block is empty");
    if (threads > most_threads || block.z > 64) refuse("a block has at most 1024 threads, 64 of them along z");
    if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
        refuse("a grid has at most 2147483647 blocks along x, 65535 along y and z");
    if (kernel.most_threads && threads > kernel.most_threads)
        refuse(fmt::format("its __launch_bounds__ are {} threads a block, not {}", kernel.most_threads, threads));
    if (kernel.own_shared_bytes > most_static_shared)
        refuse(
            fmt::format("a kernel has at most {} bytes of __shared__ variables, not {}; dynamic_shared() may be more",
                        most_static_shared, kernel.own_shared_bytes));
    const size_t shared = launch.shared_bytes + kernel.own_shared_bytes;
    if (shared > std::min(options().shared_limit, most_shared))
        refuse(fmt::format("a block has {} bytes of shared memory, not {}", options().shared_limit, shared));
    for (int i = 0; i < launch.argument_count; ++i) {
        const void* const pointer = launch.arguments[i].pointer;
        if (pointer && !is_device_memory(pointer))
            refuse(fmt::format("argument {} points to no device memory: {}", i + 1, describe_address(pointer)));
    }
}

// What the launch uses, for its stream. The access checker, after the launch, knows what was written.
void tell_streams(const Launch& launch, const streams::Work& work) {
    for (int i = 0; i < launch.argument_count; ++i) {
        const auto& [pointer, constant] = launch.arguments[i];
        if (pointer && !constant) work.writes(pointer);
    }
    for (const void* address : addresses_among(launch.closure, launch.closure_bytes)) work.reads(address);
}
void tell_streams_of_writes(const Launch& launch, const streams::Work& work) {
    if (!checker::on) return;
    for (const void* address : addresses_among(launch.closure, launch.closure_bytes))
        if (checker::wrote(address)) work.writes(address);
}

}  // namespace

Options& options() {
    static Options instance = [] {
        Options from_environment;
        if (const char* seed = std::getenv("SWINGRAD_EMULATOR_SEED"))
            from_environment.seed = static_cast<uint32_t>(std::strtoul(seed, nullptr, 10));
        if (const char* bytes = std::getenv("SWINGRAD_EMULATOR_MEMORY"))
            from_environment.memory_limit = std::strtoull(bytes, nullptr, 10);
        if (const char* seconds = std::getenv("SWINGRAD_EMULATOR_SECONDS"))
            from_environment.block_seconds = std::strtod(seconds, nullptr);
        return from_environment;
    }();
    return instance;
}

Counters counters() {
    const std::lock_guard lock(counters_mutex);
    return total;
}

void run(const Launch& launch) {
    const Kernel& kernel = kernel_at(launch.kernel);
    check_launch(launch, kernel);
    const streams::Work work(launch.stream, kernel.name, launch.site);
    tell_streams(launch, work);
    catch_signals();
    const auto blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    const auto threads = blocks * launch.block.x * launch.block.y * launch.block.z;
    static std::mutex mutex;
    std::unique_lock alone(mutex, std::defer_lock);
    if (one_block_at_a_time) alone.lock();
    uint64_t workers = static_cast<uint64_t>(options().workers ? options().workers : thread_count());
    if (one_block_at_a_time || threads < worth_waking) workers = 1;
    const uint64_t chunk = workers == 1 ? blocks : std::max<uint64_t>(1, blocks / (workers * 16));
    const auto run_chunk = [&](int64_t first, int64_t end) {
        Block& block = Block::of_this_thread();
        try {
            block.run(launch, kernel, static_cast<uint64_t>(first), static_cast<uint64_t>(end));
        } catch (...) {
            collect(block.counters);
            throw;
        }
        collect(block.counters);
    };
    if (workers == 1) run_chunk(0, static_cast<int64_t>(blocks));
    else parallel_chunks(static_cast<int64_t>(blocks), static_cast<int64_t>(chunk), run_chunk);
    {
        const std::lock_guard lock(counters_mutex);
        ++total.launches;
    }
    counts::launched(launch, kernel);
    tell_streams_of_writes(launch, work);
    for (int i = 0; i < launch.argument_count; ++i) {
        if (!launch.arguments[i].pointer) continue;
        try {
            check_edges(launch.arguments[i].pointer);
        } catch (const Error& error) {
            fail("[cuda] {} {}, argument {}; {}", kernel.name, error.what(), i + 1, text_of_launch(launch));
        }
    }
}

}  // namespace swingrad::cuda::emulator

#include "cuda/emulator/engine/memory.h"

#include "core/error.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/language/graph.h"
#include "cuda/runtime/convert.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

namespace swingrad::cuda::emulator {
namespace {

constexpr size_t page = 4096;
constexpr int poison = 0xff;          // NaN to a float, -1 to an integer
constexpr unsigned char edge = 0xc5;  // what lies around an allocation in its own pages

struct Allocation {
    size_t bytes;
    char* pages;
    size_t mapped;  // with the two pages that cannot be touched
};

struct Owners {
    std::mutex mutex;
    std::map<const char*, Allocation> by_start;
    size_t live = 0;
};
Owners& owners() {  // never destroyed, as core's allocator
    static auto& instance = *new Owners;
    return instance;
}

// The allocation that begins at or before `address`. The caller holds the lock.
auto before(const char* address) {
    auto& all = owners().by_start;
    const auto next = all.upper_bound(address);
    return next == all.begin() ? all.end() : std::prev(next);
}

// Unless the bytes lie in one allocation, what the host asked for cannot be done.
void check_whole(const void* address, size_t bytes, const char* what) {
    const auto* const at = static_cast<const char*>(address);
    std::unique_lock lock(owners().mutex);
    const auto found = before(at);
    if (found != owners().by_start.end() && at + bytes <= found->first + found->second.bytes) return;
    lock.unlock();
    if (bytes > 0) fail("[cuda] {}: {} bytes from {} on", what, bytes, describe_address(address));
}

}  // namespace

size_t rounded_for_alignment(size_t bytes) {
    const size_t alignment = std::clamp<size_t>(bytes & (~bytes + 1), 16, 256);
    return (bytes + alignment - 1) / alignment * alignment;
}

void* EmulatedMemory::allocate(size_t bytes) {
    Owners& all = owners();
    const std::lock_guard lock(all.mutex);
    const size_t limit = options().memory_limit;
    if (bytes > limit || all.live > limit - bytes || bytes > size_t{1} << 46) return nullptr;
    const size_t inner = std::max<size_t>(1, (bytes + page - 1) / page) * page, mapped = inner + 2 * page;
    void* const pages = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) return nullptr;
    char* const begin = static_cast<char*>(pages) + page;
    if (mprotect(begin, inner, PROT_READ | PROT_WRITE) != 0) {
        munmap(pages, mapped);
        return nullptr;
    }
    char* const start = begin + inner - rounded_for_alignment(bytes);
    std::memset(begin, edge, static_cast<size_t>(start - begin));
    std::memset(start, poison, bytes);
    std::memset(start + bytes, edge, static_cast<size_t>(begin + inner - (start + bytes)));
    all.by_start[start] = {bytes, static_cast<char*>(pages), mapped};
    all.live += bytes;
    checker::allocated(start, bytes);
    return start;
}

void EmulatedMemory::release(void* address, size_t) {
    if (!address) return;
    Owners& all = owners();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_start.find(static_cast<char*>(address));
    check(found != all.by_start.end(), "[cuda] release: {} is no device memory", address);
    checker::released(address);
    munmap(found->second.pages, found->second.mapped);
    all.live -= found->second.bytes;
    all.by_start.erase(found);
}

void EmulatedMemory::copy_from_host(void* to, const void* host, size_t bytes) {
    refuse_while_capturing("a copy from the host");
    check_whole(to, bytes, "a copy from the host");
    std::memcpy(to, host, bytes);
    checker::written_by_host(to, bytes);
}
void EmulatedMemory::copy_to_host(void* host, const void* from, size_t bytes) {
    refuse_while_capturing("a copy to the host");
    check_whole(from, bytes, "a copy to the host");
    std::memcpy(host, from, bytes);
}
void EmulatedMemory::copy_within(void* to, const void* from, size_t bytes) {
    ask([=] {
        check_whole(to, bytes, "a copy on the device");
        check_whole(from, bytes, "a copy on the device");
        std::memcpy(to, from, bytes);
        checker::copied(to, from, bytes);
    });
}
void EmulatedMemory::fill_zero(void* to, size_t bytes) {
    ask([=] {
        check_whole(to, bytes, "filling with zeros");
        std::memset(to, 0, bytes);
        checker::written_by_host(to, bytes);
    });
}
void EmulatedMemory::convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) {
    cuda::convert(to, to_dtype, from, from_dtype, count);
}

void written_by_host(const void* address, size_t bytes) { checker::written_by_host(address, bytes); }

DeviceMemory& emulated_memory() {
    static auto& memory = *new EmulatedMemory;
    return memory;
}
[[maybe_unused]] static const bool installed = (install(Device::cuda, emulated_memory()), true);

bool is_device_memory(const void* address) {
    const std::lock_guard lock(owners().mutex);
    const auto found = before(static_cast<const char*>(address));
    // One past the end is a pointer that one may have.
    return found != owners().by_start.end() && static_cast<const char*>(address) <= found->first + found->second.bytes;
}

std::string describe_address(const void* address) {
    const auto* at = static_cast<const char*>(address);
    if (reinterpret_cast<uintptr_t>(address) < 65536) return "a null pointer";
    const std::lock_guard lock(owners().mutex);
    if (const auto found = before(at); found != owners().by_start.end()) {
        const auto& [start, allocation] = *found;
        if (at < start + allocation.bytes)
            return fmt::format("byte {} of device memory of {} bytes", at - start, allocation.bytes);
        const auto beyond = static_cast<size_t>(at - start) - allocation.bytes;
        if (beyond < size_t{1} << 20)
            return fmt::format("{} bytes after the end of device memory of {} bytes", beyond, allocation.bytes);
    }
    const auto next = owners().by_start.upper_bound(at);
    if (next != owners().by_start.end() && next->first - at <= static_cast<std::ptrdiff_t>(page))
        return fmt::format("{} bytes before the start of device memory of {} bytes", next->first - at,
                           next->second.bytes);
    return fmt::format("{} is no device memory", address);
}

void check_edges(const void* address) {
    const std::lock_guard lock(owners().mutex);
    const auto found = before(static_cast<const char*>(address));
    if (found == owners().by_start.end()) return;
    const auto& [start, allocation] = *found;
    // Puts back what was written over, so that it is reported once.
    const auto overwritten = [](char* from, char* to) {
        const bool any = std::any_of(from, to, [](char c) { return static_cast<unsigned char>(c) != edge; });
        if (any) std::memset(from, edge, static_cast<size_t>(to - from));
        return any;
    };
    char* const first = allocation.pages + (start - allocation.pages);
    const bool after = overwritten(first + allocation.bytes, allocation.pages + allocation.mapped - page);
    const bool ahead = overwritten(std::max(first - 64, allocation.pages + page), first);
    check(!after, "wrote after the end of device memory of {} bytes", allocation.bytes);
    check(!ahead, "wrote before the start of device memory of {} bytes", allocation.bytes);
}

}  // namespace swingrad::cuda::emulator

#include "cuda/emulator/engine/memory.h"

#include "core/error.h"
#include "cuda/emulator/counts/counts.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/engine/streams.h"
#include "cuda/emulator/language/graph.h"
#include "cuda/emulator/machine/address_space.h"
#include "cuda/runtime/convert.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

namespace swingrad::cuda::emulator {
namespace {

constexpr int poison = 0xff;          // NaN to a float, -1 to an integer
constexpr unsigned char edge = 0xc5;  // what lies around an allocation in its own pages

struct Allocation {
    size_t bytes;
    char* pages;  // that may be touched
    size_t page_bytes;
};
using ByStart = std::map<const char*, Allocation>;

struct Owners {
    std::mutex mutex;
    ByStart by_start, released;  // the latter until its addresses are used again
    size_t live = 0;
};
Owners& owners() {  // never destroyed, as core's allocator
    static auto& instance = *new Owners;
    return instance;
}

// The allocation that begins at or before `address`. The caller holds the lock.
auto before(const char* address, ByStart& all = owners().by_start) {
    const auto next = all.upper_bound(address);
    return next == all.begin() ? all.end() : std::prev(next);
}

// Whatever was released at these addresses is forgotten.
void forget_released(const char* begin, const char* end) {
    ByStart& released = owners().released;
    auto first = before(begin, released);
    if (first == released.end()) first = released.begin();
    for (auto it = first; it != released.end() && it->first < end;)
        it = it->second.pages + it->second.page_bytes > begin ? released.erase(it) : std::next(it);
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
    refuse_in_capture("allocating memory");
    Owners& all = owners();
    const std::lock_guard lock(all.mutex);
    const size_t limit = options().memory_limit;
    if (bytes > limit || all.live > limit - bytes || bytes > size_t{1} << 46) return nullptr;
    const size_t page_bytes = std::max<size_t>(1, (bytes + page - 1) / page) * page;
    char* const pages = take_pages(page_bytes);
    if (!pages) return nullptr;
    char* const start = pages + page_bytes - rounded_for_alignment(bytes);
    std::memset(pages, edge, static_cast<size_t>(start - pages));
    std::memset(start, poison, bytes);
    std::memset(start + bytes, edge, static_cast<size_t>(pages + page_bytes - (start + bytes)));
    forget_released(pages, pages + page_bytes);
    all.by_start[start] = {bytes, pages, page_bytes};
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
    streams::forget(address);
    give_back_pages(found->second.pages, found->second.page_bytes);
    all.live -= found->second.bytes;
    all.released.insert(all.by_start.extract(found));
}

void EmulatedMemory::copy_from_host(void* to, const void* host, size_t bytes) {
    refuse_while_capturing("a copy from the host");
    copy_in(to, host, bytes, compute_stream());
    streams::host_waits(compute_stream());
}
void EmulatedMemory::copy_to_host(void* host, const void* from, size_t bytes) {
    refuse_while_capturing("a copy to the host");
    copy_out(host, from, bytes, compute_stream());
    streams::host_waits(compute_stream());
}
void EmulatedMemory::copy_within(void* to, const void* from, size_t bytes) {
    ask([=] {
        check_whole(to, bytes, "a copy on the device");
        check_whole(from, bytes, "a copy on the device");
        streams::Work work(compute_stream(), "a copy on the device");
        work.reads(from);
        work.writes(to);
        std::memcpy(to, from, bytes);
        checker::copied(to, from, bytes);
        counts::copied(bytes);
    });
}
void EmulatedMemory::fill_zero(void* to, size_t bytes) {
    ask([=] {
        check_whole(to, bytes, "filling with zeros");
        streams::Work(compute_stream(), "filling with zeros").writes(to);
        std::memset(to, 0, bytes);
        checker::written_by_host(to, bytes);
        counts::filled(bytes);
    });
}
void EmulatedMemory::synchronise() { cuda::synchronise(compute_stream()); }

void EmulatedMemory::convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) {
    cuda::convert(to, to_dtype, from, from_dtype, count);
}

void copy_in(void* to, const void* host, size_t bytes, Stream stream) {
    check_whole(to, bytes, "a copy from the host");
    streams::Work(stream, "a copy from the host").writes(to);
    std::memcpy(to, host, bytes);
    checker::written_by_host(to, bytes);
    counts::copied(bytes);
}
void copy_out(void* host, const void* from, size_t bytes, Stream stream) {
    check_whole(from, bytes, "a copy to the host");
    streams::Work(stream, "a copy to the host").reads(from);
    std::memcpy(host, from, bytes);
    counts::copied(bytes);
}

void written_by_host(const void* address, size_t bytes) { checker::written_by_host(address, bytes); }

DeviceMemory& emulated_memory() {
    static auto& memory = *new EmulatedMemory;
    return memory;
}
[[maybe_unused]] static const bool installed = (install(Device::cuda, emulated_memory()), true);

bool is_device_memory(const void* address) { return allocation_of(address) != nullptr; }

const void* allocation_of(const void* address) {
    const std::lock_guard lock(owners().mutex);
    const auto found = before(static_cast<const char*>(address));
    // One past the end is a pointer that one may have.
    const bool inside =
        found != owners().by_start.end() && static_cast<const char*>(address) <= found->first + found->second.bytes;
    return inside ? found->first : nullptr;
}

std::vector<const void*> addresses_among(const void* arguments, size_t bytes) {
    std::vector<const void*> found;
    for (size_t at = 0; at + sizeof(void*) <= bytes; at += sizeof(void*)) {
        const void* word = nullptr;
        std::memcpy(&word, static_cast<const char*>(arguments) + at, sizeof word);
        if (word && is_device_memory(word)) found.push_back(word);
    }
    return found;
}

namespace {

// Where an address lies, as seen from the nearest allocation: how far before its start or after its end.
struct Seen {
    std::ptrdiff_t before = 0, after = 0;  // both 0: inside
    std::ptrdiff_t inside = 0;
    size_t bytes = 0;  // of the allocation

    std::ptrdiff_t distance() const { return std::max(before, after); }
};
constexpr std::ptrdiff_t far_away = std::ptrdiff_t{1} << 33;  // half of the room that an allocation has around it

Seen seen_from_nearest(const char* at, ByStart& all) {
    Seen nearest{.before = far_away};
    if (const auto found = before(at, all); found != all.end()) {
        const std::ptrdiff_t inside = at - found->first, bytes = static_cast<std::ptrdiff_t>(found->second.bytes);
        if (inside < bytes) return {.inside = inside, .bytes = found->second.bytes};
        // The first byte after the end is 0 bytes after it, and no longer inside.
        if (inside - bytes < far_away) nearest = {.after = inside - bytes + 1, .bytes = found->second.bytes};
    }
    const auto next = all.upper_bound(at);
    if (next != all.end() && next->first - at < nearest.distance())
        nearest = {.before = next->first - at, .bytes = next->second.bytes};
    return nearest;
}

std::string text_of(const Seen& seen) {
    if (seen.before)
        return fmt::format("{} bytes before the start of device memory of {} bytes", seen.before, seen.bytes);
    if (seen.after)
        return fmt::format("{} bytes after the end of device memory of {} bytes", seen.after - 1, seen.bytes);
    return fmt::format("byte {} of device memory of {} bytes", seen.inside, seen.bytes);
}

}  // namespace

std::string describe_address(const void* address) {
    const auto* at = static_cast<const char*>(address);
    if (reinterpret_cast<uintptr_t>(address) < 65536) return "a null pointer";
    const std::lock_guard lock(owners().mutex);
    const Seen live = seen_from_nearest(at, owners().by_start), released = seen_from_nearest(at, owners().released);
    if (std::min(live.distance(), released.distance()) >= far_away)
        return fmt::format("{} is no device memory", address);
    if (live.distance() <= released.distance()) return text_of(live);
    return text_of(released) + ", released by the host since";
}

void check_edges(const void* address) {
    const std::lock_guard lock(owners().mutex);
    const auto found = before(static_cast<const char*>(address));
    if (found == owners().by_start.end()) return;
    const auto& [start, allocation] = *found;
    char* const first = allocation.pages + (start - allocation.pages);
    char* const end = allocation.pages + allocation.page_bytes;
    const auto is_changed = [](char c) { return static_cast<unsigned char>(c) != edge; };
    char* const ahead = std::find_if(std::max(first - 64, allocation.pages), first, is_changed);
    char* const after = std::find_if(first + allocation.bytes, end, is_changed);
    // Put back, so that it is reported once.
    std::memset(ahead, edge, static_cast<size_t>(first - ahead));
    std::memset(after, edge, static_cast<size_t>(end - after));
    check(after == end, "wrote {} bytes after the end of device memory of {} bytes", after - (first + allocation.bytes),
          allocation.bytes);
    check(ahead == first, "wrote {} bytes before the start of device memory of {} bytes", first - ahead,
          allocation.bytes);
}

}  // namespace swingrad::cuda::emulator

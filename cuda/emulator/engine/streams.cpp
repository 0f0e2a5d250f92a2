#include "cuda/emulator/engine/streams.h"

#include "core/error.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/report.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace swingrad::cuda::emulator::streams {
namespace {

constexpr std::array<const char*, count> names{"the compute stream", "the copy stream", "another stream"};

struct Use {
    uint64_t number = 0;  // of the stream's work; 0: none
    std::string_view name;
};
struct Uses {
    std::array<Use, count> any, writing;  // the last of each stream
};

struct All {
    std::mutex mutex;
    std::array<Point, count> seen{};  // of each stream: what its next work comes after
    Point asked{};                    // how much each has been asked for
    Point host{};
    std::unordered_map<const void*, Uses> uses;  // by the allocation's start
};
All& all() {  // never destroyed, as the memory of static tensors may go later
    static auto& instance = *new All;
    return instance;
}

size_t index_of(Stream stream) { return stream == compute_stream() ? 0 : stream == copy_stream() ? 1 : 2; }

void raise(Point& to, const Point& by) {
    for (size_t i = 0; i < count; ++i) to[i] = std::max(to[i], by[i]);
}

}  // namespace

Point here(Stream stream) {
    const std::lock_guard lock(all().mutex);
    const size_t i = index_of(stream);
    Point point = all().seen[i];
    point[i] = all().asked[i];
    return point;
}
void wait(Stream stream, const Point& point) {
    const std::lock_guard lock(all().mutex);
    raise(all().seen[index_of(stream)], point);
}
void host_waits(const Point& point) {
    const std::lock_guard lock(all().mutex);
    raise(all().host, point);
}
void forget(const void* allocation) {
    const std::lock_guard lock(all().mutex);
    all().uses.erase(allocation);
}

Work::Work(Stream stream, std::string_view name, Site site) : stream_(index_of(stream)), name_(name), site_(site) {
    const std::lock_guard lock(all().mutex);
    number_ = ++all().asked[stream_];
    raise(all().seen[stream_], all().host);
    seen_ = all().seen[stream_];
}

void Work::uses(const void* address, bool writes) const {
    const void* const allocation = allocation_of(address);
    if (!allocation) return;
    const std::lock_guard lock(all().mutex);
    Uses& of = all().uses[allocation];
    for (size_t other = 0; other < count; ++other) {
        const Use& last = writes ? of.any[other] : of.writing[other];
        if (other == stream_ || last.number <= seen_[other]) continue;
        const bool wrote = last.number == of.writing[other].number;
        const std::string earlier = fmt::format("{} on {} {}", last.name, names[other], wrote ? "wrote" : "read");
        of = {};  // reported once
        fail("[cuda] {} on {}{}: a race between streams: {} what this {}, {}, with no event between", name_,
             names[stream_], site_.line ? ", launched at " + text_of(site_) : "", earlier, writes ? "writes" : "reads",
             describe_address(address));
    }
    of.any[stream_] = {number_, name_};
    if (writes) of.writing[stream_] = {number_, name_};
}

}  // namespace swingrad::cuda::emulator::streams

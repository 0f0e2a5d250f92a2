#include "cuda/emulator/engine/fences.h"

#ifdef SWINGRAD_KERNEL_CHECK

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace swingrad::cuda::emulator::checker::fences {
namespace {

using Range = std::pair<uintptr_t, uintptr_t>;  // from, to

struct HandedOver {
    Moment fence;
    std::vector<Range> written_since;  // by the thread that passed it: not handed over
};
struct Taken {
    Moment when;
    const std::vector<HandedOver>* from;
    size_t count;  // what had been handed over by then
};

std::map<uintptr_t, std::vector<HandedOver>> handed_over;  // of this launch, by the atomic variable
std::map<uint16_t, HandedOver> passed;                     // of this block, by thread: its last fence
std::vector<Taken> taken;                                  // of this block

// Whether what `earlier` did comes before what `later`, of the same block, does.
bool within_block(const Moment& earlier, const Moment& later) {
    return earlier.time < later.time || earlier.thread == later.thread ||
           (earlier.thread / 32 == later.thread / 32 && earlier.warp_time != later.warp_time);
}

bool covers(const HandedOver& one, const Moment& access, uintptr_t address) {
    if (one.fence.block != access.block || access.time > one.fence.time || !within_block(access, one.fence))
        return false;
    return access.thread != one.fence.thread ||
           std::none_of(one.written_since.begin(), one.written_since.end(),
                        [&](const Range& range) { return address >= range.first && address < range.second; });
}

}  // namespace

void begin_launch() {
    handed_over.clear();
    begin_block();
}
void begin_block() {
    passed.clear();
    taken.clear();
}

void fence(const Moment& now) { passed[now.thread] = {now, {}}; }

void wrote(const Moment& now, uintptr_t address, size_t bytes) {
    if (passed.empty()) return;
    if (const auto own = passed.find(now.thread); own != passed.end())
        own->second.written_since.emplace_back(address, address + bytes);
}

void changed_atomic(const Moment& now, uintptr_t address) {
    std::vector<HandedOver>& of_variable = handed_over[address];
    if (!of_variable.empty()) taken.push_back({now, &of_variable, of_variable.size()});
    // A fence that another thread passed before a barrier, or this thread's own.
    for (const auto& [thread, own] : passed)
        if (within_block(own.fence, now)) of_variable.push_back(own);
}

bool ordered(const Moment& access, const Moment& now, uintptr_t address) {
    for (const Taken& one : taken) {
        if (!within_block(one.when, now)) continue;
        const auto begin = one.from->begin(), end = begin + static_cast<std::ptrdiff_t>(one.count);
        // Blocks run one after another, so they hand over in the order in which they began.
        const auto first = std::lower_bound(begin, end, access.block,
                                            [](const HandedOver& of, uint32_t b) { return of.fence.block < b; });
        for (auto it = first; it != end && it->fence.block == access.block; ++it)
            if (covers(*it, access, address)) return true;
    }
    return false;
}

}  // namespace swingrad::cuda::emulator::checker::fences

#endif

#include "cuda/emulator/language/async_copy.h"

#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"

#include <cstdint>
#include <cstring>

namespace swingrad::cuda::emulator {
namespace {

PendingCopies& copies_of_thread() {
    Block& block = *running_block;
    if (block.copies.empty()) block.copies.resize(block.count);
    return block.copies[block.current];
}

}  // namespace

void begin_copy16(void* to, const void* from) {
    if (reinterpret_cast<uintptr_t>(to) % 16 || reinterpret_cast<uintptr_t>(from) % 16)
        running_block->fail("async_copy16() needs addresses that are multiples of 16");
    copies_of_thread().copies.push_back({to, from});
}

void close_copy_group() {
    PendingCopies& pending = copies_of_thread();
    pending.groups.push_back(pending.copies.size());
}

void finish_copies_but(int groups) {
    auto& [copies, ends] = copies_of_thread();
    const auto keep = static_cast<size_t>(groups);
    if (ends.size() <= keep) return;
    const size_t done = ends[ends.size() - 1 - keep];
    for (size_t i = 0; i < done; ++i) {
        checker::access(copies[i].from, 16, false, false, __builtin_return_address(0));
        checker::access(copies[i].to, 16, true, false, __builtin_return_address(0));
        std::memcpy(copies[i].to, copies[i].from, 16);
    }
    copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(done));
    ends.erase(ends.begin(), ends.end() - groups);
    for (size_t& end : ends) end -= done;
}

}  // namespace swingrad::cuda::emulator

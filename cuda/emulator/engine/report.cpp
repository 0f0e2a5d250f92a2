#include "cuda/emulator/engine/report.h"

#include "core/error.h"
#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/memory.h"

#include <map>
#include <string_view>

namespace swingrad::cuda::emulator {

std::string text_of(Site site) {
    // "cuda/norm/softmax.cu": the name and the two folders it lies in, wherever the tree lies.
    const std::string_view path = site.file;
    size_t begin = path.size();
    for (int part = 0; part < 3 && begin != path.npos && begin != 0; ++part) begin = path.rfind('/', begin - 1);
    return fmt::format("{}:{}", begin == path.npos ? path : path.substr(begin + 1), site.line);
}
std::string text_of(const uint3& index) { return fmt::format("({},{},{})", index.x, index.y, index.z); }
std::string text_of(const dim3& size) { return fmt::format("({},{},{})", size.x, size.y, size.z); }

std::string text_of_launch(const Launch& launch) {
    return fmt::format("launched at {} with grid {}, block {}, {} bytes of shared memory", text_of(launch.site),
                       text_of(launch.grid), text_of(launch.block), launch.shared_bytes);
}

std::string Block::place(unsigned thread) const {
    return fmt::format("{}, block {}, thread {}", kernel->name, text_of(blockIdx), text_of(threads[thread].index));
}

std::string Block::place_of_block() const { return fmt::format("{}, block {}", kernel->name, text_of(blockIdx)); }

std::string Block::describe(const void* address) const {
    const auto* at = static_cast<const char*>(address);
    const char* const end = shared + launch->shared_bytes;
    if (at >= end && at < end + page)
        return fmt::format("{} bytes after the end of dynamic shared memory of {} bytes", at - end,
                           launch->shared_bytes);
    return describe_address(address);
}

void Block::set_error(const std::string& what) {
    error_ = fmt::format("[cuda] {}: {}; {}", place(current), what, text_of_launch(*launch));
}

void Block::fail_at(const void* address) {
    set_error("illegal address: " + describe(address));
    leave();
}

void Block::tick() {
    if (!in_fiber_) return;
    ticks_ = ticks_ + 1;
    if (ticks_ < ticks_allowed) return;
    // The checker names the line at the thread's next access, if there is one.
    if (checker::on && ticks_ == ticks_allowed) return checker::stop_at_next_access();
    fail("{}", text_of_spinning());
}

std::string text_of_spinning() {
    return fmt::format(
        "its block has run for {} s of processor time without an end: it spins, waiting for what another thread or "
        "block does not do; SWINGRAD_EMULATOR_SECONDS sets the bound",
        options().block_seconds);
}

void fail_in_kernel(const std::string& what) {
    if (!running_block) fail("[cuda] {}", what);  // a host function of a kernel file
    running_block->fail("{}", what);
}

void assertion_failed(const char* expression, Site site) {
    if (!running_block) fail("[cuda] {}: assertion '{}' failed", site, expression);
    running_block->fail("{}: assertion '{}' failed", site, expression);
}

// No thread can go on: says where all of them are.
std::string Block::why_stuck() const {
    struct Group {
        unsigned count = 0, first = 0, last = 0;
    };
    std::map<std::string, Group> groups;
    for (unsigned t = 0; t < count; ++t) {
        const Thread& thread = threads[t];
        const bool waits = thread.state == State::at_barrier || thread.state == State::in_warp_operation;
        const std::string what = waits ? fmt::format("wait in {} at {}", thread.operation, text_of(thread.site))
                                       : std::string("have returned");
        Group& group = groups.try_emplace(what, Group{0, t, t}).first->second;
        ++group.count;
        group.last = t;
    }
    std::string text = waiting_ ? fmt::format("not all threads of the block reach the same {}", barrier_operation_)
                                : "a warp operation waits for lanes that never come";
    for (const auto& [what, group] : groups)
        text += fmt::format(", {} of {} {} (thread {} to {})", group.count, count, what,
                            text_of(threads[group.first].index), text_of(threads[group.last].index));
    return fmt::format("[cuda] {}: {}; {}", place_of_block(), text, text_of_launch(*launch));
}

}  // namespace swingrad::cuda::emulator

#include "cuda/emulator/machine/order.h"

#include <algorithm>
#include <utility>

namespace swingrad::cuda::emulator {

void ThreadOrder::begin(unsigned count, uint32_t seed, uint64_t block) {
    count_ = count;
    started_ = ready_first_ = ready_count_ = 0;
    constexpr Kind kinds[] = {Kind::thread, Kind::any, Kind::warp};
    kind_ = seed == 0 ? Kind::number : kinds[seed % 3];
    random_ = std::max(1u, (seed * 2654435761u) ^ static_cast<uint32_t>(block * 40503u + 1));
    if (kind_ != Kind::number) draw();
}

uint32_t ThreadOrder::random() {  // xorshift: Marsaglia 2003
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    return random_ ^= random_ << 5;
}

// A permutation of all threads; for warps one that keeps each together.
void ThreadOrder::draw() {
    const auto shuffle = [this](unsigned first, unsigned end) {
        for (unsigned i = end; i > first + 1; --i) std::swap(order_[i - 1], order_[first + random() % (i - first)]);
    };
    for (unsigned i = 0; i < count_; ++i) order_[i] = static_cast<uint16_t>(i);
    if (kind_ != Kind::warp) return shuffle(0, count_);
    const unsigned warps = count_ / 32;  // whole ones; a rest comes last
    for (unsigned warp = warps; warp > 1; --warp) {
        const unsigned other = random() % warp;
        if (other != warp - 1)
            std::swap_ranges(&order_[(warp - 1) * 32], &order_[(warp - 1) * 32] + 32, &order_[other * 32]);
    }
    for (unsigned first = 0; first < count_; first += 32) shuffle(first, std::min(first + 32, count_));
}

unsigned ThreadOrder::pick() {
    if (kind_ == Kind::any && ready_count_ > 1)
        std::swap(ready_[(ready_first_ + random() % ready_count_) % most_threads], ready_[ready_first_]);
    const unsigned thread = ready_[ready_first_];
    ready_first_ = (ready_first_ + 1) % most_threads;
    --ready_count_;
    return thread;
}

void ThreadOrder::make_ready(unsigned thread) {
    if (kind_ == Kind::number || kind_ == Kind::any) return put_last(thread);
    ready_first_ = (ready_first_ + most_threads - 1) % most_threads;
    ready_[ready_first_] = static_cast<uint16_t>(thread);
    ++ready_count_;
}

void ThreadOrder::put_last(unsigned thread) {
    ready_[(ready_first_ + ready_count_++) % most_threads] = static_cast<uint16_t>(thread);
}

void ThreadOrder::make_all_ready() {
    if (kind_ != Kind::number) draw();
    for (unsigned i = 0; i < count_; ++i) put_last(kind_ == Kind::number ? i : order_[i]);
}

}  // namespace swingrad::cuda::emulator

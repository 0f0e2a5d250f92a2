// In which order a block's threads run, where they could run in several. A seed says which:
//
//   0           by their numbers; after a barrier too
//   1, 4, 7...  any thread that can go on, drawn each time: threads and warps come on together
//   2, 5, 8...  a warp runs on as far as it can before the next: what needs one warp to be far ahead shows
//   3, 6, 9...  the same for single threads
//
// All is drawn from the seed and the block's number, anew at every barrier.
#pragma once

#include <array>
#include <cstdint>

namespace swingrad::cuda::emulator {

constexpr unsigned most_threads = 1024;

class ThreadOrder {
  public:
    void begin(unsigned count, uint32_t seed, uint64_t block);

    bool all_started() const { return started_ == count_; }
    unsigned next_to_start() { return kind_ == Kind::number ? started_++ : order_[started_++]; }

    bool any_ready() const { return ready_count_ > 0; }
    unsigned pick();                   // one that is ready, and no longer is
    void make_ready(unsigned thread);  // that had waited
    void put_last(unsigned thread);    // that lets others go first
    void make_all_ready();             // after a barrier

  private:
    enum class Kind : uint8_t { number, any, warp, thread };
    uint32_t random();
    void draw();

    Kind kind_ = Kind::number;
    uint32_t random_ = 1;
    unsigned count_ = 0, started_ = 0;
    std::array<uint16_t, most_threads> order_{}, ready_{};
    unsigned ready_first_ = 0, ready_count_ = 0;  // a ring
};

}  // namespace swingrad::cuda::emulator

// Random numbers one after another: for what takes as many as it needs, such as an attempt repeated until it fits.
//
// They begin at a stream of their own, so whoever draws here disturbs nobody, and the same stream gives the same ones.
#pragma once

#include "core/random.h"

#include <cstdint>

namespace swingrad {

class Draws {
  public:
    explicit Draws(Random random) : random_(random) {}

    double uniform() { return random_.words(next_++)[0] * 0x1p-32; }  // in [0, 1)
    double between(double low, double high) { return low + (high - low) * uniform(); }
    // A whole number in [0, count), count above 0 and below 2^32.
    int64_t below(int64_t count) { return random_.below(next_++, static_cast<uint32_t>(count)); }
    bool chance(double probability) { return uniform() < probability; }
    double normal() { return random_.normal(next_++); }  // standard

  private:
    Random random_;
    uint64_t next_ = 0;
};

}  // namespace swingrad

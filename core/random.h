// Random numbers without a state: Philox 4x32-10, a function from a key and a counter to 128 random bits.
//
// Because a draw depends on nothing but (seed, stream, index), any number of threads, a replay under
// checkpointing, a resumed run and any device all see the same numbers.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include "core/host_device.h"

#include <array>
#include <cstdint>

namespace swingrad {

struct Random {
    uint64_t seed = 0;    // one a run
    uint64_t stream = 0;  // one for each purpose: shuffling, cropping, what layer 3 drops at step 17

    // Four independent words for each index.
    SWINGRAD_HOST_DEVICE std::array<uint32_t, 4> words(uint64_t index) const {
        uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32);
        uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
        uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
        for (int round = 0; round < 10; ++round) {
            const uint64_t product0 = uint64_t{0xD2511F53u} * c0;
            const uint64_t product1 = uint64_t{0xCD9E8D57u} * c2;
            c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
            c1 = static_cast<uint32_t>(product1);
            c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
            c3 = static_cast<uint32_t>(product0);
            k0 += 0x9E3779B9u;  // golden ratio
            k1 += 0xBB67AE85u;  // sqrt(3) - 1
        }
        return {c0, c1, c2, c3};
    }

    // Uniform in [0, 1): 24 bits, so that float holds it exactly.
    SWINGRAD_HOST_DEVICE float uniform(uint64_t index) const {
        return static_cast<float>(words(index)[0] >> 8) * 0x1p-24f;
    }

    // Uniform integer in [0, bound), bound > 0; no value is preferred by more than bound / 2^32 of its share.
    SWINGRAD_HOST_DEVICE uint32_t below(uint64_t index, uint32_t bound) const {
        return static_cast<uint32_t>((uint64_t{words(index)[0]} * bound) >> 32);
    }

    // Standard normal (Box-Muller on two 32-bit words, in double).
    double normal(uint64_t index) const;

    // A stream derived from this one: `split(a).split(b)` names a purpose by a path of numbers.
    SWINGRAD_HOST_DEVICE Random split(uint64_t purpose) const {
        const auto w = Random{seed, stream}.words(purpose ^ 0x5851F42D4C957F2Dull);
        return {seed, (uint64_t{w[2]} << 32) | w[3]};
    }
};

}  // namespace swingrad

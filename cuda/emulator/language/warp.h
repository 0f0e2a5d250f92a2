// Operations of a warp, 32 threads ("lanes") that exchange registers.
//
// Lanes meet by mask: each leaves its value in its slot and waits; the last of the mask to come computes what every
// lane gets.
#pragma once

#include "cuda/emulator/language/synchronise.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace swingrad::cuda::emulator {

constexpr unsigned full_warp = 0xffffffffu;

struct WarpSlots {
    std::array<uint64_t, 32> in, out;
    std::array<int, 32> source;     // of a shuffle: the lane that each lane reads
    std::array<void*, 32> pointer;  // of wmma: each lane's fragments
};
// Run once, by the last lane to come. `lanes` are those that take part.
using WarpFunction = void (*)(WarpSlots& slots, unsigned lanes);

unsigned lane_of_thread();
WarpSlots& slots_of_warp();
// Returns when all lanes of the mask have come and `function` has been run.
void meet(unsigned mask, const char* operation, WarpFunction function, Site site);
uint64_t shuffle_bits(unsigned mask, uint64_t bits, int source, const char* operation, Site site);
uint64_t ballot(unsigned mask, bool vote, const char* operation, Site site);  // upper half: the lanes that took part
void sync_warp(unsigned mask, const char* operation, Site site);
void meet_only(WarpSlots& slots, unsigned lanes);  // a WarpFunction that does nothing

template <class F>
SWINGRAD_UNCHECKED void for_each_lane(unsigned lanes, F f) {
    for (; lanes; lanes &= lanes - 1) f(static_cast<unsigned>(std::countr_zero(lanes)));
}

template <class T>
SWINGRAD_UNCHECKED uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "lanes exchange at most eight bytes");
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T>
SWINGRAD_UNCHECKED T from_bits(uint64_t bits) {
    T value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

template <class T>
SWINGRAD_UNCHECKED T shuffle(unsigned mask, T value, int source, const char* operation, Site site) {
    return from_bits<T>(shuffle_bits(mask, to_bits(value), source, operation, site));
}

// All lanes' values, combined two by two as the butterfly of xor 16, 8, 4, 2, 1 does it: the same bits.
template <class T, class Combine>
SWINGRAD_UNCHECKED T warp_reduce(T value, Combine, const char* operation, Site site) {
    WarpSlots& slots = slots_of_warp();
    const unsigned lane = lane_of_thread();
    slots.in[lane] = to_bits(value);
    meet(
        full_warp, operation,
        [](WarpSlots& all, unsigned) SWINGRAD_UNCHECKED {
            T values[32];
            for (int i = 0; i < 32; ++i) values[i] = from_bits<T>(all.in[i]);
            for (int half = 16; half > 0; half /= 2)
                for (int i = 0; i < half; ++i) values[i] = Combine{}(values[i], values[i + half]);
            for (uint64_t& out : all.out) out = to_bits(values[0]);
        },
        site);
    return from_bits<T>(slots.out[lane]);
}

}  // namespace swingrad::cuda::emulator

namespace swingrad::cuda {

// The sum, and the largest, of the 32 lanes' values; every lane gets it. All lanes must call it.
template <class T>
SWINGRAD_UNCHECKED T warp_sum(T value, SWINGRAD_SITE) {
    return emulator::warp_reduce(
        value, [](T a, T b) SWINGRAD_UNCHECKED { return static_cast<T>(a + b); }, "warp_sum()", site);
}
template <class T>
SWINGRAD_UNCHECKED T warp_max(T value, SWINGRAD_SITE) {
    return emulator::warp_reduce(
        value, [](T a, T b) SWINGRAD_UNCHECKED { return b > a ? b : a; }, "warp_max()", site);
}

}  // namespace swingrad::cuda

// CUDA's own. A lane that would read beyond its group of `width` lanes reads itself.
template <class T>
SWINGRAD_UNCHECKED T __shfl_sync(unsigned mask, T value, int source, int width = 32, SWINGRAD_SITE) {
    const int lane = static_cast<int>(swingrad::cuda::emulator::lane_of_thread()), first = lane & ~(width - 1);
    return swingrad::cuda::emulator::shuffle(mask, value, first | (source & (width - 1)), "__shfl_sync()", site);
}
template <class T>
SWINGRAD_UNCHECKED T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, SWINGRAD_SITE) {
    const int lane = static_cast<int>(swingrad::cuda::emulator::lane_of_thread()), first = lane & ~(width - 1);
    const int source = lane ^ lane_mask;
    return swingrad::cuda::emulator::shuffle(mask, value, source < first + width ? source : lane, "__shfl_xor_sync()",
                                             site);
}
template <class T>
SWINGRAD_UNCHECKED T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SWINGRAD_SITE) {
    const int lane = static_cast<int>(swingrad::cuda::emulator::lane_of_thread()), first = lane & ~(width - 1);
    const int source = lane + static_cast<int>(delta);
    return swingrad::cuda::emulator::shuffle(mask, value, source < first + width ? source : lane, "__shfl_down_sync()",
                                             site);
}
template <class T>
SWINGRAD_UNCHECKED T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SWINGRAD_SITE) {
    const int lane = static_cast<int>(swingrad::cuda::emulator::lane_of_thread()), first = lane & ~(width - 1);
    const int source = lane - static_cast<int>(delta);
    return swingrad::cuda::emulator::shuffle(mask, value, source >= first ? source : lane, "__shfl_up_sync()", site);
}

inline unsigned __ballot_sync(unsigned mask, int vote, SWINGRAD_SITE) {
    return static_cast<unsigned>(swingrad::cuda::emulator::ballot(mask, vote != 0, "__ballot_sync()", site));
}
inline int __any_sync(unsigned mask, int vote, SWINGRAD_SITE) {
    return static_cast<unsigned>(swingrad::cuda::emulator::ballot(mask, vote != 0, "__any_sync()", site)) != 0;
}
inline int __all_sync(unsigned mask, int vote, SWINGRAD_SITE) {
    const uint64_t votes = swingrad::cuda::emulator::ballot(mask, vote != 0, "__all_sync()", site);
    return static_cast<unsigned>(votes) == static_cast<unsigned>(votes >> 32);
}
inline void __syncwarp(unsigned mask = swingrad::cuda::emulator::full_warp, SWINGRAD_SITE) {
    swingrad::cuda::emulator::sync_warp(mask, "__syncwarp()", site);
}

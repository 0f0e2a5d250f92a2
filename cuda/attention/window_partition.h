// Kernels of ops/attention/window_partition.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// A map of `tokens` tokens and its windows, which have room for `slots`: in slot t is the map's token source[t], or
// padding where that is negative. All tokens are in one slot each.
//
// map [B, tokens, C] -> windows [B, slots, C], padding 0; and the backward of window_reverse.
template <class T>
void window_partition(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source, const T* map,
                      T* windows);

// windows [B, slots, C] -> map [B, tokens, C]; and the backward of window_partition.
template <class T>
void window_reverse(int64_t B, int64_t tokens, int64_t slots, int64_t C, const int32_t* source, const T* windows,
                    T* map);

}  // namespace swingrad::cuda

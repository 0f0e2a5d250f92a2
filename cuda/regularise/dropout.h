// The kernel of ops/regularise/dropout.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"
#include "core/random.h"

#include <cstdint>

namespace swingrad::cuda {

// y_i = factor x_i where word_i < bound, else 0; with dy for x and dx for y, the backward pass too.
template <class T>
void dropout(int64_t count, uint64_t bound, double factor, Random random, const T* x, T* y);

}  // namespace swingrad::cuda

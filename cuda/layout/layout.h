// The kernel of permute (ops/layout/layout.cpp) and of broadcast_to (ops/reduce/broadcast.cpp). T: float, double or bfloat16.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/axes.h"

#include <cstdint>

namespace swingrad::cuda {

// y[i] = x[x_axes.offset_of(i)] for all i below x_axes.indices().
template <class T>
void gather(const Axes& x_axes, const T* x, T* y);

}  // namespace swingrad::cuda

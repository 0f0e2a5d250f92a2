// Kernels of ops/reduce/broadcast.cpp: sum_to. broadcast_to is the gather of cuda/layout/layout.h. T: float, double or bfloat16.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/axes.h"

#include <cstdint>

namespace swingrad::cuda {

// y[j] = the sum of x[kept.offset_of(j) + repeated.offset_of(t)] over all t below repeated.indices(), for all j below
// kept.indices(). Neighbouring axes of one kind must be one axis, and none have size 1.
template <class T>
void sum_to(const Axes& kept, const Axes& repeated, const T* x, T* y);

}  // namespace swingrad::cuda

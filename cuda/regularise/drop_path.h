// Kernels of ops/regularise/drop_path.cpp.
#pragma once

#include "core/element.h"
#include "core/random.h"

#include <cstdint>

namespace swingrad::cuda {

// keep [B]: `kept` with probability q, else 0. T: float or double.
template <class T>
void drop_path_keep(int64_t B, double q, T kept, Random random, T* keep);

// x, y [B, elements], keep [B]; with dy for x and dx for y, the backward pass too. T: float, double or bfloat16.
template <class T>
void drop_path(int64_t B, int64_t elements, const T* x, const acc_type<T>* keep, T* y);

}  // namespace swingrad::cuda

// Kernels of autograd/accumulate.cpp, beside the addition of cuda/pointwise/arithmetic.h. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

template <class T>
void fill(int64_t count, acc_type<T> value, T* to);

// The index of the first element that is NaN or infinite; `count` where there is none. Waits for the device.
template <class T>
int64_t first_not_finite(int64_t count, const T* x);

}  // namespace swingrad::cuda

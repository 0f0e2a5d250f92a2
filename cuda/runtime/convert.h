// Conversion between floating types on the device, as Tensor::to asks for it.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

template <class To, class From>
void convert(int64_t count, const From* from, To* to);

// The same by dtype. Throws an Error unless both are float32, float64 or bfloat16.
void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count);

}  // namespace swingrad::cuda

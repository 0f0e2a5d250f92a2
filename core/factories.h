// Tensors made from nothing. The shape comes first, then what decides the values, then dtype and device; the values are
// the same on every device. Values that the dtype does not hold are rounded, or refused, as Tensor::to says.
#pragma once

#include "core/random.h"
#include "core/tensor.h"

namespace swingrad {

Tensor zeros(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
Tensor ones(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
Tensor full(const Shape& shape, double value, DType dtype = DType::float32, Device device = Device::cpu);

// Standard normal numbers, and numbers uniform in [0, 1) (24 bits each; bfloat16 may round one up to 1). Element i is
// draw i of `random`: two tensors of one Random have the same numbers, so each purpose needs a stream of its own.
Tensor randn(const Shape& shape, Random random, DType dtype = DType::float32, Device device = Device::cpu);
Tensor rand(const Shape& shape, Random random, DType dtype = DType::float32, Device device = Device::cpu);

// [count]: 0, 1, 2, ...
Tensor arange(int64_t count, DType dtype = DType::int64, Device device = Device::cpu);

}  // namespace swingrad

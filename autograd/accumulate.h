// The arithmetic that the tape itself needs, on any device: adding gradients up, the gradient that backward begins
// with, and looking for values that are not finite.
#pragma once

#include "core/tensor.h"

#include <string_view>

namespace swingrad {

// sum += term, in place. Same shape, dtype and device.
void add_into(const Tensor& sum, const Tensor& term);
// a + b in new memory.
Tensor added(const Tensor& a, const Tensor& b);
// `value` everywhere, written where the tensor is: nothing is copied there. dtype: float32, float64, bfloat16 or dual.
Tensor filled(const Shape& shape, double value, DType dtype, Device device);
// Throws an Error that names node, place, index and value of the first element that is NaN or infinite. Waits for the
// tensor's device.
void require_finite(const Tensor& tensor, std::string_view what, std::string_view node, std::string_view place);

}  // namespace swingrad

// The arithmetic that the tape itself needs: adding gradients up, and looking for values that are not finite.
#pragma once

#include "core/tensor.h"

#include <string_view>

namespace swingrad {

// sum += term, in place. Same shape and dtype.
void add_into(const Tensor& sum, const Tensor& term);
// a + b in new memory.
Tensor added(const Tensor& a, const Tensor& b);
// Throws an Error that names node, place, index and value of the first element that is NaN or infinite.
void require_finite(const Tensor& tensor, std::string_view what, std::string_view node, std::string_view place);

}  // namespace swingrad

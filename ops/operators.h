// Operators of tensors, and of a tensor and a number, for formulas: y = 1 / (1 + exp(-x)). Each is one operation of
// ops/ops.h, number / tensor two; gradients are theirs. x / c is x times 1 / c.
#pragma once

#include "core/tensor.h"

namespace swingrad {

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& x);

Tensor operator+(const Tensor& x, double c);
Tensor operator-(const Tensor& x, double c);
Tensor operator*(const Tensor& x, double c);
Tensor operator/(const Tensor& x, double c);

Tensor operator+(double c, const Tensor& x);
Tensor operator-(double c, const Tensor& x);
Tensor operator*(double c, const Tensor& x);
Tensor operator/(double c, const Tensor& x);

}  // namespace swingrad

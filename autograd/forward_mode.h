// Forward mode: how fast a function's result changes as its inputs move along a direction v, by dual numbers
// (core/dual.h) through the plain loops. Exact to rounding, with no step size.
//
// For y = f(x), one forward pass at x + v eps gives f(x) + (J v) eps, J being the matrix of all d y_i / d x_j. A tape
// gives c^T J, for a c that is chosen at the other end. Neither writes J down, and each is a witness for the other:
// c^T (J v) = (c^T J) v.
//
// A backward pass is made of plain loops too, so it can be run in dual numbers itself: forward over reverse. The
// gradient g(x) of a number becomes g(x + v eps) = g(x) + (H v) eps, where H is the Hessian, the matrix of all second
// derivatives. A product with it costs a few backward passes, however many inputs there are. Source: Pearlmutter, "Fast
// exact multiplication by the Hessian", Neural Computation 6(1), 1994. Test: tests/autograd/test_forward_mode.cpp.
#pragma once

#include "autograd/checkpoint.h"

namespace swingrad {

// x + v eps, of two float64 tensors of one shape on the CPU; and v of such a tensor. Its x is y.to(DType::float64).
Tensor with_tangent(const Tensor& x, const Tensor& v);
Tensor tangent_of(const Tensor& y);

// J v, in float64, of the shape of the function's result. v has a tensor for each input: float64 of the input's shape,
// or undefined for an input that does not move. Inputs of other dtypes are constants. On the CPU; the function must
// keep to the dtype of its inputs, as operations do, and so must the constants that it makes.
Tensor jacobian_vector_product(const Function& function, const std::vector<Tensor>& inputs,
                               const std::vector<Tensor>& v);

// H v of the number sum(cotangent * function(inputs)), in float64, a tensor for each input; undefined for inputs of
// other dtypes than float64. Without a cotangent the function must return one element. v as above.
std::vector<Tensor> hessian_vector_product(const Function& function, const std::vector<Tensor>& inputs,
                                           const std::vector<Tensor>& v, const Tensor& cotangent = {});

}  // namespace swingrad

// Two more proofs of a gradient, by dual numbers (autograd/forward_mode.h). For y = f(x), a random cotangent c, a
// random direction v, and the gradient g = c^T J that backward returns:
//
//   first order    sum(c * J v) = sum(g * v)       J v: one forward pass of the plain loops in dual numbers
//   second order   H v = the slope of g(x + t v) at t = 0, to what differences at four points can show, and
//                  sum(u * H v) = sum(v * H u)     H v: a backward pass of the plain loops in dual numbers
//
// u is another direction: in which order one differentiates does not matter.
// Where gradcheck's differences leave eight or nine digits, equations without a step hold to rounding. Where f is
// linear, or made of linear pieces, H is 0 and the second proof says so. g comes from whatever computes: fast paths,
// plain loops or kernels. Test: tests/autograd/test_dual_check.cpp.
#pragma once

#include "autograd/checkpoint.h"

#include <string>
#include <vector>

namespace swingrad {

struct GradcheckOptions;

struct DualErrors {
    double first = 0;      // |sum(c * J v) - sum(g * v)| over the sum of the terms' magnitudes
    double second = 0;     // largest |H v - difference| over the largest of H v and g
    double asymmetry = 0;  // |sum(u * H v) - sum(v * H u)| over the sum of the terms' magnitudes
    std::string report;    // empty where these are at most 1e-11, 1e-6 and 1e-8, else what went wrong
};

// Inputs as gradcheck's; of the options seed, device, mutate and, as the step of the differences, eps. The function
// must be able to compute in dual numbers on the CPU: constants that it makes have its inputs' dtype.
DualErrors dual_check(const Function& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options,
                      const std::string& op = "function");
// The same of gradients that are there, g of the float64 inputs: of sum(cotangent * function(inputs)), on the CPU.
DualErrors dual_check(const Function& function, const std::vector<Tensor>& inputs, const Tensor& cotangent,
                      const std::vector<Tensor>& g, const GradcheckOptions& options, const std::string& op);

}  // namespace swingrad

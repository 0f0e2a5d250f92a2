// Proof of a gradient: the one that backward computes against central differences, in double.
//
// For y = f(x) and a random cotangent c of y's shape, both sides are the gradient of the number sum(c * y):
//
//   analytic:  what backward(y, c) leaves in x
//   numeric:   (sum(c * f(x + eps e_i)) - sum(c * f(x - eps e_i))) / (2 eps)        for every i, e_i a unit vector
//
// With g(t) = sum(c * f(x + t e_i)), the numeric side differs from g'(0) by eps^2 g'''(0) / 6, for the even terms of
// Taylor's series cancel, and by rounding, some 1e-16 g / eps: about 1e-10 where eps is 1e-6.
//
// The cotangent is random because an all-ones one hides mistakes: the elements of a softmax sum to 1, so a
// backward that returns nothing but zeros would pass.
#pragma once

#include "autograd/checkpoint.h"
#include "autograd/dual_check.h"
#include "core/random.h"

#include <string>
#include <vector>

namespace swingrad {

// Names and defaults are those of torch.autograd.gradcheck.
struct GradcheckOptions {
    double eps = 1e-6;
    double atol = 1e-5;  // an element passes if |analytic - numeric| <= atol + rtol |numeric|
    double rtol = 1e-3;
    uint64_t seed = 0;            // of the cotangent
    Device device = Device::cpu;  // where the function computes; inputs are copied there
    // 0: every element. Else the fast mode: of each input, the slope along so many random directions of length 1, which
    // takes two calls of the function each, however large the input is.
    int64_t directions = 0;
    // Also by dual numbers, to the second order (autograd/dual_check.h): the function must be able to compute in them.
    bool second_order = false;
    // Called with what each node's backward returned; see Tape::after_backward.
    std::function<void(const Node&, const NeedsInputGrad&, std::vector<Tensor>&)> mutate;
};

struct GradcheckResult {
    bool ok = false;
    double worst_error = 0;     // max over elements of |analytic - numeric|
    double worst_relative = 0;  // the same over the largest |numeric| of its input
    int64_t elements = 0;       // checked, or directions
    // Of these, how many were judged by a step of eps / 100, where alone the two agree: the function has a kink nearby,
    // such as relu's at 0.
    int64_t near_kinks = 0;
    DualErrors dual;     // zeros without second_order
    std::string report;  // empty where ok, else what went wrong and where
};

// Checks every element of every float64 input, or with `directions` so many slopes of each; inputs of other dtypes are
// constants. Fails, besides on a wrong element, where the function gives two results for the same inputs, where an
// input receives no gradient, and where every gradient is exactly zero (such a check proves nothing). `op` only names
// things in the report.
GradcheckResult gradcheck(const Function& function, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {}, const std::string& op = "function");

// ---- the cases every operation carries
//
// At the end of its file an operation declares inputs on which its gradient is proved. `swingrad gradcheck` runs
// all cases; the tests run them, and run them again with mutated gradients, which must fail.

struct GradientCase {
    std::string name;  // "layer_norm", or "layer_norm/wide" for a further case of the same operation
    std::function<std::vector<Tensor>(Random)> inputs;
    Function function;
    GradcheckOptions options = {
        .eps = 1e-6, .atol = 1e-7, .rtol = 1e-5, .seed = 0, .device = Device::cpu, .mutate = {}};
};

// All declared cases by name.
std::vector<GradientCase> gradient_cases();

// Declares a case from a static variable:   const DeclareGradientCase layer_norm_case{{"layer_norm", ...}};
struct DeclareGradientCase {
    explicit DeclareGradientCase(GradientCase declared);
};

// Standard normal values in double, scaled and moved: what most cases use as inputs.
Tensor random_tensor(const Shape& shape, Random random, double scale = 1.0, double offset = 0.0);

// A tensor for each input, undefined where that is not float64: together one random direction of length 1.
std::vector<Tensor> random_direction(const std::vector<Tensor>& inputs, Random random);

// A constant that a case's function makes, where its input x is and of x's dtype: a case is run on devices, and in dual
// numbers.
Tensor constant_like(const Tensor& x, const Shape& shape, const std::vector<double>& values);

}  // namespace swingrad

// What the tests of operations share.
#pragma once

#include "autograd/gradcheck.h"
#include "ops/operation.h"

#include <string>

namespace swingrad::test {

// float64: 0, 1, 2, ... in order.
Tensor counting(const Shape& shape);

bool contains(const std::string& text, const std::string& part);
size_t occurrences(const std::string& text, const std::string& part);

// The text of the Error that `call` throws; "no error" where it throws none.
std::string error_of(const std::function<void()>& call);

// The largest |a - b| over all elements; infinity where shapes differ or a value is not finite.
double largest_difference(const Tensor& a, const Tensor& b);

// Gradients of sum(cotangent * f(inputs)), one an input.
std::vector<Tensor> gradients_of(const Function& function, const std::vector<Tensor>& inputs, const Tensor& cotangent);

// The largest difference between the gradients of two functions of the same inputs, and between their values.
double largest_disagreement(const Function& f, const Function& oracle, const std::vector<Tensor>& inputs);

// The largest difference between what a function gives in float32 and in float64, values and gradients alike, for the
// same inputs (rounded to float32 first) and a random cotangent.
double largest_float_error(const Function& f, const std::vector<Tensor>& inputs);

// ---- plain loops: each operation's specification

// While one of these lives, the CPU computes by plain loops (ops/operation.h).
class PlainLoops {
  public:
    PlainLoops();
    ~PlainLoops();
    PlainLoops(const PlainLoops&) = delete;
    PlainLoops& operator=(const PlainLoops&) = delete;

  private:
    const bool before_;
};

// The largest difference between what the CPU's fast path and an operation's plain loops give for the same inputs,
// values and gradients (for a random cotangent) alike, over the largest element of each, or over 1 where that is less.
// Inputs of floating types are converted to `dtype` first.
double largest_fast_error(const Function& f, const std::vector<Tensor>& inputs, DType dtype);

// ---- kernels

std::vector<Tensor> on(Device device, const std::vector<Tensor>& tensors);

// The largest difference between what kernels and the CPU's plain loops give for the same inputs, values and gradients
// (for a random cotangent) alike, over the largest element of each, or over 1 where that is less. Inputs of floating
// types are converted to `dtype`, float32 or float64, first.
double largest_kernel_error(const Function& f, const std::vector<Tensor>& inputs, DType dtype);

// The largest difference between results in bfloat16 and in float32, by the fast path, by the plain loops or by
// kernels, whichever is the larger; the inputs `narrow` (by number) are rounded to bfloat16 for both. The others stay
// float32: what is added a channel, tables, scales (core/element.h).
double largest_bfloat16_error(const Function& f, const std::vector<Tensor>& inputs, const std::vector<size_t>& narrow);

// Whether kernels give value and gradients the same bits in two runs, in whatever order the threads of a block run.
bool same_in_any_order(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent);

// Whether two tensors of one shape and dtype hold the same bits.
bool same_bits(const Tensor& a, const Tensor& b);

// Whether f's value and gradients have the same bits on one, two and three threads.
bool same_on_any_threads(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent);

}  // namespace swingrad::test

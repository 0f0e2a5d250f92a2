// affine(x, factor, offset), scale(x, factor), both [...] -> [...], element by element, by two numbers
//
//   y_i = factor x_i + offset        dx = factor dy
//
// scale is affine without an offset, and the gradient of either. Saved: the factor.
// Numerics: an offset of -0 is none: adding 0 would turn -0 into 0. Source: any text.
// Test: tests/pointwise/test_affine.cpp.

#include "cuda/pointwise/affine.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void AffineOp<T>::forward() const {
    const auto a = static_cast<acc_type<T>>(factor), b = static_cast<acc_type<T>>(offset);
    parallel_elements(count, [=, this](int64_t i) { y[i] = a * x[i] + b; });
}

// ---- autograd node

namespace {

constexpr double no_offset = -0.0;

Tensor mapped(std::string_view name, const Tensor& x, double factor, double offset) {
    const Tensor y = x.empty_like(x.shape());
    run_forward(name, x, [&]<class T>(T) {
        return AffineOp<T>{.count = y.numel(), .factor = factor, .offset = offset, .x = ptr(x), .y = ptr(y)};
    });
    return y;
}

struct AffineNode final : Node {
    std::string_view op;
    double factor = 1;

    std::string_view name() const override { return op; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        // forward: y = factor x + offset, so:
        return {factor == 1 ? dy : mapped(op, dy, factor, no_offset)};
    }
};

Tensor affine(std::string_view name, const Tensor& x, double factor, double offset) {
    auto node = std::make_unique<AffineNode>();
    node->op = name;
    node->factor = factor;
    return record(std::move(node), {x}, mapped(name, x, factor, offset));
}

}  // namespace

// ---- public functions

Tensor affine(const Tensor& x, double factor, double offset) { return affine("affine", x, factor, offset); }
Tensor scale(const Tensor& x, double factor) { return affine("scale", x, factor, no_offset); }

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs input(Random random) { return {random_tensor({2, 3, 5}, random)}; }
const DeclareGradientCase affine_case{
    {"pointwise/affine", input, [](const Inputs& in) { return affine(in[0], -1.7, 0.6); }}};
const DeclareGradientCase moved_case{
    {"pointwise/affine/moved", input, [](const Inputs& in) { return affine(in[0], 1, -0.4); }}};
const DeclareGradientCase scale_case{{"pointwise/scale", input, [](const Inputs& in) { return scale(in[0], -1.7); }}};

}  // namespace
}  // namespace swingrad

// relu(x), gelu(x), sigmoid(x), exp(x), log(x), all [...] -> [...], element by element
//
//   y_i = f(x_i)           dx = dy f'(x)           f and f': core/scalar.h
//
// A further f is a struct with a value and a slope in core/scalar.h, a line among the public functions, a line in
// cuda/pointwise/pointwise.cu, its declaration in ops.h and a gradient case.
// Saved: x, for every f. That is simpler than asking which slopes are cheaper from y, and x is mostly alive anyway.
// Numerics: core/scalar.h. Source: gelu is of Hendrycks, Gimpel, "Gaussian error linear units", arXiv 1606.08415.
// Test: tests/pointwise/test_pointwise.cpp.

#include "cuda/pointwise/pointwise.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {

// ---- forward

template <class F, class T>
void PointwiseOp<F, T>::forward() const {
    parallel_elements(count, [&](int64_t i) { y[i] = F::value(acc_type<T>(x[i])); });
}

// ---- backward

template <class F, class T>
void PointwiseOp<F, T>::backward() const {
    // forward: y = f(x), so:
    parallel_elements(count, [&](int64_t i) { dx[i] = dy[i] * F::slope(acc_type<T>(x[i])); });
}

// ---- autograd node

namespace {

template <class F>
struct PointwiseNode final : Node {
    std::string_view op;
    Tensor x;

    std::string_view name() const override { return op; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape());
        run_backward(op, x, [&]<class T>(T) {
            return PointwiseOp<F, T>{.count = x.numel(), .x = ptr(x), .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};
    }
};

template <class F>
Tensor pointwise(std::string_view name, const Tensor& x) {
    const Tensor y = x.empty_like(x.shape());
    run_forward(name, x, [&]<class T>(T) { return PointwiseOp<F, T>{.count = x.numel(), .x = ptr(x), .y = ptr(y)}; });
    if (!recording({x})) return y;
    auto node = std::make_unique<PointwiseNode<F>>();
    node->op = name;
    node->x = x.detached();
    return record(std::move(node), {x}, y);
}

}  // namespace

// ---- public functions

Tensor relu(const Tensor& x) { return pointwise<Relu>("relu", x); }
Tensor gelu(const Tensor& x) { return pointwise<Gelu>("gelu", x); }
Tensor sigmoid(const Tensor& x) { return pointwise<Sigmoid>("sigmoid", x); }
Tensor exp(const Tensor& x) { return pointwise<Exp>("exp", x); }
Tensor log(const Tensor& x) { return pointwise<Log>("log", x); }

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs any(Random random) { return {random_tensor({2, 3, 5}, random)}; }
// At least 0.1 from 0, where relu has a kink and log its end.
Inputs away_from_zero(Random random) {
    const Tensor x = random_tensor({2, 3, 5}, random);
    for (double& value : x.span<double>()) value += std::copysign(0.1, value);
    return {x};
}
Inputs positive(Random random) {
    const Inputs inputs = away_from_zero(random);
    for (double& value : inputs[0].span<double>()) value = std::abs(value);
    return inputs;
}
const DeclareGradientCase relu_case{{"pointwise/relu", away_from_zero, [](const Inputs& in) { return relu(in[0]); }}};
const DeclareGradientCase gelu_case{{"pointwise/gelu", any, [](const Inputs& in) { return gelu(in[0]); }}};
const DeclareGradientCase sigmoid_case{{"pointwise/sigmoid", any, [](const Inputs& in) { return sigmoid(in[0]); }}};
const DeclareGradientCase exp_case{{"pointwise/exp", any, [](const Inputs& in) { return exp(in[0]); }}};
const DeclareGradientCase log_case{{"pointwise/log", positive, [](const Inputs& in) { return log(in[0]); }}};

}  // namespace
}  // namespace swingrad

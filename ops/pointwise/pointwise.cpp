// relu(x), gelu(x), silu(x), sigmoid(x), tanh(x), exp(x), log(x), abs(x), sqrt(x), reciprocal(x), pow(x, exponent), all
// [...] -> [...], element by element
//
//   y_i = f(x_i)           dx = dy f'(x)           f and f': core/scalar.h
//
// At the ends of where it is defined, and at kinks: abs has slope 0 at 0, as relu has. sqrt's is infinite there, so a
// gradient of 0 that arrives becomes NaN, as in PyTorch; so are pow's slopes there for exponents below 1, other than
// 0. Below 0 sqrt is NaN, and pow too unless the exponent is an integer.
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
#include <string>

namespace swingrad {

// ---- forward

template <class F, class T>
void PointwiseOp<F, T>::forward() const {
    parallel_elements(count, [&](int64_t i) { y[i] = f.value(acc_type<T>(x[i])); });
}

// ---- backward

template <class F, class T>
void PointwiseOp<F, T>::backward() const {
    // forward: y = f(x), so:
    parallel_elements(count, [&](int64_t i) { dx[i] = dy[i] * f.slope(acc_type<T>(x[i])); });
}

// ---- autograd node

namespace {

template <class F>
struct PointwiseNode final : Node {
    std::string_view op;
    F f;
    Tensor x;

    std::string_view name() const override { return op; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape());
        run_backward(op, x, [&]<class T>(T) {
            return PointwiseOp<F, T>{.count = x.numel(), .f = f, .x = ptr(x), .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};
    }
};

template <class F>
Tensor pointwise(std::string_view name, const Tensor& x, F f = {}) {
    const Tensor y = x.empty_like(x.shape());
    run_forward(name, x,
                [&]<class T>(T) { return PointwiseOp<F, T>{.count = x.numel(), .f = f, .x = ptr(x), .y = ptr(y)}; });
    if (!recording({x})) return y;
    auto node = std::make_unique<PointwiseNode<F>>();
    node->op = name;
    node->f = f;
    node->x = x.detached();
    return record(std::move(node), {x}, y);
}

}  // namespace

// ---- public functions

Tensor relu(const Tensor& x) { return pointwise<Relu>("relu", x); }
Tensor gelu(const Tensor& x) { return pointwise<Gelu>("gelu", x); }
Tensor sigmoid(const Tensor& x) { return pointwise<Sigmoid>("sigmoid", x); }
Tensor silu(const Tensor& x) { return pointwise<Silu>("silu", x); }
Tensor tanh(const Tensor& x) { return pointwise<Tanh>("tanh", x); }
Tensor exp(const Tensor& x) { return pointwise<Exp>("exp", x); }
Tensor log(const Tensor& x) { return pointwise<Log>("log", x); }
Tensor abs(const Tensor& x) { return pointwise<Abs>("abs", x); }
Tensor sqrt(const Tensor& x) { return pointwise<Sqrt>("sqrt", x); }
Tensor reciprocal(const Tensor& x) { return pointwise<Reciprocal>("reciprocal", x); }
Tensor pow(const Tensor& x, double exponent) {
    if (exponent == 2) return pointwise<Square>("pow", x);  // the same, in vector instructions
    return pointwise<Pow>("pow", x, Pow{exponent});
}

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
void declare(const std::string& name, Inputs (*inputs)(Random), Tensor (*f)(const Tensor&)) {
    DeclareGradientCase({"pointwise/" + name, inputs, [f](const Inputs& in) { return f(in[0]); }});
}
const bool declared = [] {
    declare("relu", away_from_zero, relu);
    declare("gelu", any, gelu);
    declare("silu", any, silu);
    declare("sigmoid", any, sigmoid);
    declare("tanh", any, tanh);
    declare("exp", any, exp);
    declare("log", positive, log);
    declare("abs", away_from_zero, abs);
    declare("sqrt", positive, sqrt);
    declare("reciprocal", away_from_zero, reciprocal);
    declare("pow/2", any, [](const Tensor& x) { return pow(x, 2); });
    declare("pow/-3", away_from_zero, [](const Tensor& x) { return pow(x, -3); });
    declare("pow/1.7", positive, [](const Tensor& x) { return pow(x, 1.7); });
    return true;
}();

}  // namespace
}  // namespace swingrad

// add, subtract, multiply(a, b), scale(x, factor), relu, gelu, sigmoid, exp, log(x), all [...] -> [...]
//
//   y_i = a_i + b_i        da = dy          db = dy
//   y_i = a_i - b_i        da = dy          db = -dy
//   y_i = a_i b_i          da = dy b        db = dy a
//   y_i = factor x_i       dx = factor dy
//   y_i = f(x_i)           dx = dy f'(x)    f and f' of relu, gelu, sigmoid, exp and log: core/scalar.h
//
// Shapes must be equal: repeating an operand is an operation of its own (broadcast_to), with a gradient of its own.
// Saved: what the right-hand column names; nothing for the linear ones.
// Numerics: core/scalar.h. Source: gelu is of Hendrycks, Gimpel, "Gaussian error linear units", arXiv 1606.08415.
// Test: tests/pointwise/test_pointwise.cpp.

#include "ops/pointwise/pointwise.h"

#include "autograd/gradcheck.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {
namespace {

// ---- forward; the backward passes below are made of the same two

// y_i = F::value(a_i, b_i)
template <class F>
Tensor combined(std::string_view op, const Tensor& a, const Tensor& b) {
    check(a.shape() == b.shape(), "[{}] expects equal shapes, got {} and {}", op, a.shape(), b.shape());
    check(a.dtype() == b.dtype(), "[{}] expects one dtype, got {} and {}", op, name_of(a.dtype()), name_of(b.dtype()));
    check_one_device(op, {{"a", a}, {"b", b}});
    Tensor y = a.empty_like(a.shape());
    on_device_of(
        op, a,
        [&]<class T>(T) {
            const T *a_data = a.data<T>(), *b_data = b.data<T>();
            T* y_data = y.data<T>();
            parallel_chunks(y.numel(), pointwise_chunk, [=](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i)
                    y_data[i] = narrow<T>(F::value(widen(a_data[i]), widen(b_data[i])));
            });
        },
        [&]<class T>(T) { cuda::combine<F>(y.numel(), a.device_data<T>(), b.device_data<T>(), y.device_data<T>()); });
    return y;
}

Tensor scaled(const Tensor& x, double factor) {
    Tensor y = x.empty_like(x.shape());
    on_device_of(
        "scale", x,
        [&]<class T>(T) {
            const T* x_data = x.data<T>();
            T* y_data = y.data<T>();
            const auto times = static_cast<acc_type<T>>(factor);
            parallel_chunks(y.numel(), pointwise_chunk, [=](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) y_data[i] = narrow<T>(times * widen(x_data[i]));
            });
        },
        [&]<class T>(T) {
            cuda::scale(y.numel(), static_cast<acc_type<T>>(factor), x.device_data<T>(), y.device_data<T>());
        });
    return y;
}

// ---- autograd nodes

struct AddNode final : Node {
    std::string_view name() const override { return "add"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {dy, dy}; }
};

struct SubtractNode final : Node {
    std::string_view name() const override { return "subtract"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        return {dy, needs_input_grad[1] ? scaled(dy, -1) : Tensor()};
    }
};

struct MultiplyNode final : Node {
    Tensor a, b;

    std::string_view name() const override { return "multiply"; }
    std::vector<Saved> saved() const override { return {{"a", a}, {"b", b}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        return {needs_input_grad[0] ? combined<Times>("multiply", dy, b) : Tensor(),
                needs_input_grad[1] ? combined<Times>("multiply", dy, a) : Tensor()};
    }
};

struct ScaleNode final : Node {
    double factor = 1;

    std::string_view name() const override { return "scale"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {scaled(dy, factor)}; }
};

}  // namespace

// ---- public functions

Tensor add(const Tensor& a, const Tensor& b) {
    return record(std::make_unique<AddNode>(), {a, b}, combined<Plus>("add", a, b));
}

Tensor subtract(const Tensor& a, const Tensor& b) {
    return record(std::make_unique<SubtractNode>(), {a, b}, combined<Minus>("subtract", a, b));
}

Tensor multiply(const Tensor& a, const Tensor& b) {
    const Tensor y = combined<Times>("multiply", a, b);
    if (!recording({a, b})) return y;
    auto node = std::make_unique<MultiplyNode>();
    node->a = a.detached();
    node->b = b.detached();
    return record(std::move(node), {a, b}, y);
}

Tensor scale(const Tensor& x, double factor) {
    auto node = std::make_unique<ScaleNode>();
    node->factor = factor;
    return record(std::move(node), {x}, scaled(x, factor));
}

Tensor relu(const Tensor& x) { return pointwise<Relu>("relu", x); }
Tensor gelu(const Tensor& x) { return pointwise<Gelu>("gelu", x); }
Tensor sigmoid(const Tensor& x) { return pointwise<Sigmoid>("sigmoid", x); }
Tensor exp(const Tensor& x) { return pointwise<Exp>("exp", x); }
Tensor log(const Tensor& x) { return pointwise<Log>("log", x); }

// ---- gradient checks

namespace {

std::vector<Tensor> one_input(Random random) { return {random_tensor({2, 3, 5}, random)}; }
std::vector<Tensor> two_inputs(Random random) {
    return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({2, 3, 5}, random.split(1))};
}
// At least 0.1 from 0, where relu has a kink and log its end.
std::vector<Tensor> away_from_zero(Random random) {
    const Tensor x = random_tensor({2, 3, 5}, random);
    for (double& value : x.span<double>()) value += std::copysign(0.1, value);
    return {x};
}
std::vector<Tensor> positive(Random random) {
    const std::vector<Tensor> inputs = away_from_zero(random);
    for (double& value : inputs[0].span<double>()) value = std::abs(value);
    return inputs;
}

using Inputs = std::vector<Tensor>;
const DeclareGradientCase add_case{{"pointwise/add", two_inputs, [](const Inputs& in) { return add(in[0], in[1]); }}};
const DeclareGradientCase subtract_case{
    {"pointwise/subtract", two_inputs, [](const Inputs& in) { return subtract(in[0], in[1]); }}};
const DeclareGradientCase multiply_case{
    {"pointwise/multiply", two_inputs, [](const Inputs& in) { return multiply(in[0], in[1]); }}};
const DeclareGradientCase scale_case{
    {"pointwise/scale", one_input, [](const Inputs& in) { return scale(in[0], -1.7); }}};
const DeclareGradientCase relu_case{{"pointwise/relu", away_from_zero, [](const Inputs& in) { return relu(in[0]); }}};
const DeclareGradientCase gelu_case{{"pointwise/gelu", one_input, [](const Inputs& in) { return gelu(in[0]); }}};
const DeclareGradientCase sigmoid_case{
    {"pointwise/sigmoid", one_input, [](const Inputs& in) { return sigmoid(in[0]); }}};
const DeclareGradientCase exp_case{{"pointwise/exp", one_input, [](const Inputs& in) { return exp(in[0]); }}};
const DeclareGradientCase log_case{{"pointwise/log", positive, [](const Inputs& in) { return log(in[0]); }}};

}  // namespace
}  // namespace swingrad

// add(a, b), subtract(a, b), multiply(a, b), scale(x, factor), all [...] -> [...], element by element
//
//   y_i = a_i + b_i        da = dy          db = dy
//   y_i = a_i - b_i        da = dy          db = -dy
//   y_i = a_i b_i          da = dy b        db = dy a
//   y_i = factor x_i       dx = factor dy
//
// Each gradient is one of the four again, so there are no loops of backward.
// Shapes must be equal: repeating an operand is an operation of its own (broadcast_to), with a gradient of its own.
// Saved: a and b of multiply; nothing for the linear ones. Test: tests/pointwise/test_arithmetic.cpp.

#include "cuda/pointwise/arithmetic.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class F, class T>
void BinaryOp<F, T>::forward() const {
    parallel_elements(count, [&](int64_t i) { y[i] = F::value(acc_type<T>(a[i]), acc_type<T>(b[i])); });
}

template <class T>
void ScaleOp<T>::forward() const {
    parallel_elements(count, [&](int64_t i) { y[i] = acc_type<T>(factor) * x[i]; });
}

// ---- autograd nodes

namespace {

template <class F>
Tensor binary(std::string_view name, const Tensor& a, const Tensor& b) {
    check(a.shape() == b.shape(), "[{}] expects equal shapes, got {} and {}", name, a.shape(), b.shape());
    check(a.dtype() == b.dtype(), "[{}] expects one dtype, got {} and {}", name, name_of(a.dtype()),
          name_of(b.dtype()));
    check_one_device(name, {{"a", a}, {"b", b}});
    const Tensor y = a.empty_like(a.shape());
    run_forward(name, a,
                [&]<class T>(T) { return BinaryOp<F, T>{.count = y.numel(), .a = ptr(a), .b = ptr(b), .y = ptr(y)}; });
    return y;
}

Tensor scaled(const Tensor& x, double factor) {
    const Tensor y = x.empty_like(x.shape());
    run_forward("scale", x,
                [&]<class T>(T) { return ScaleOp<T>{.count = y.numel(), .factor = factor, .x = ptr(x), .y = ptr(y)}; });
    return y;
}

struct AddNode final : Node {
    std::string_view name() const override { return "add"; }
    // forward: y = a + b, so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {dy, dy}; }
};

struct SubtractNode final : Node {
    std::string_view name() const override { return "subtract"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a - b, so:
        return {dy, needs_input_grad[1] ? scaled(dy, -1) : Tensor()};
    }
};

struct MultiplyNode final : Node {
    Tensor a, b;

    std::string_view name() const override { return "multiply"; }
    std::vector<Saved> saved() const override { return {{"a", a}, {"b", b}}; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y = a b, so:
        return {needs_input_grad[0] ? binary<Times>("multiply", dy, b) : Tensor(),
                needs_input_grad[1] ? binary<Times>("multiply", dy, a) : Tensor()};
    }
};

struct ScaleNode final : Node {
    double factor = 1;

    std::string_view name() const override { return "scale"; }
    // forward: y = factor x, so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {scaled(dy, factor)}; }
};

}  // namespace

// ---- public functions

Tensor add(const Tensor& a, const Tensor& b) {
    return record(std::make_unique<AddNode>(), {a, b}, binary<Plus>("add", a, b));
}

Tensor subtract(const Tensor& a, const Tensor& b) {
    return record(std::make_unique<SubtractNode>(), {a, b}, binary<Minus>("subtract", a, b));
}

Tensor multiply(const Tensor& a, const Tensor& b) {
    const Tensor y = binary<Times>("multiply", a, b);
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

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs one(Random random) { return {random_tensor({2, 3, 5}, random)}; }
Inputs two(Random random) {
    return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({2, 3, 5}, random.split(1))};
}
const DeclareGradientCase add_case{{"pointwise/add", two, [](const Inputs& in) { return add(in[0], in[1]); }}};
const DeclareGradientCase subtract_case{
    {"pointwise/subtract", two, [](const Inputs& in) { return subtract(in[0], in[1]); }}};
const DeclareGradientCase multiply_case{
    {"pointwise/multiply", two, [](const Inputs& in) { return multiply(in[0], in[1]); }}};
const DeclareGradientCase scale_case{{"pointwise/scale", one, [](const Inputs& in) { return scale(in[0], -1.7); }}};

}  // namespace
}  // namespace swingrad

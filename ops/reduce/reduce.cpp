// sum(x), mean(x): [...] -> [], and sum(x, axes, keepdim), mean(x, axes, keepdim)
//
//   y = factor sum_i x_i       factor = 1 (sum) or 1 / number of elements (mean)
//   dx_i = factor dy           saved: nothing but the shape
//
// The sum is taken in long_sum_type, double for float32, so that its error does not grow with how many numbers there
// are. y is float32 where x is bfloat16: a loss.
//
// Over some axes a sum is sum_to, which leaves these with size 1, and reshape, which takes them away; a mean is scaled
// too. y has x's dtype, and gradients are those of the three.
// Source: any text. Test: tests/reduce/test_reduce.cpp.

#include "cuda/reduce/reduce.h"

#include "core/threads.h"
#include "ops/axis.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void SumOp<T>::forward() const {
    long_sum_type<T> sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += x[i];
    *y = A(factor * sum);
}

// ---- backward

template <class T>
void SumOp<T>::backward() const {
    // forward: y = factor (x_0 + x_1 + ...), so every dx_i is the same factor dy:
    const A factor_dy = A(factor * *dy);
    parallel_elements(count, [&](int64_t i) { dx[i] = factor_dy; });
}

// ---- autograd node

namespace {

struct SumNode final : Node {
    std::string_view op;
    Shape x_shape;
    DType x_dtype = DType::float32;
    double factor = 1;

    std::string_view name() const override { return op; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = Tensor::empty(x_shape, x_dtype, dy.device());
        run_backward(op, dx, [&]<class T>(T) {
            return SumOp<T>{.count = dx.numel(), .factor = factor, .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};
    }
};

Tensor scaled_sum(std::string_view name, const Tensor& x, double factor) {
    const Tensor y = Tensor::empty({}, acc_dtype(x.dtype()), x.device());
    run_forward(name, x,
                [&]<class T>(T) { return SumOp<T>{.count = x.numel(), .factor = factor, .x = ptr(x), .y = ptr(y)}; });
    if (!recording({x})) return y;
    auto node = std::make_unique<SumNode>();
    node->op = name;
    node->x_shape = x.shape();
    node->x_dtype = x.dtype();
    node->factor = factor;
    return record(std::move(node), {x}, y);
}

// The shape with size 1 along the axes, or without them.
Shape reduced(std::string_view name, const Shape& shape, const std::vector<int>& axes, bool keepdim) {
    check(!axes.empty(), "[{}] expects at least one axis; {}(x) is over all of them", name, name);
    std::vector<bool> summed(static_cast<size_t>(shape.rank()));
    for (const int axis : axes) {
        const int counted = around_axis(name, shape, axis).axis;
        check(!summed[static_cast<size_t>(counted)], "[{}] axis {} of {} is given twice", name, counted, shape);
        summed[static_cast<size_t>(counted)] = true;
    }
    Shape kept = shape;
    for (int axis = shape.rank(); axis-- > 0;)
        if (summed[static_cast<size_t>(axis)]) kept = keepdim ? kept.with(axis, 1) : without_axis(kept, axis);
    return kept;
}

}  // namespace

// ---- public functions

Tensor sum(const Tensor& x) { return scaled_sum("sum", x, 1); }

Tensor mean(const Tensor& x) {
    check(x.numel() > 0, "[mean] expects at least one element, got {}", x.shape());
    return scaled_sum("mean", x, 1 / static_cast<double>(x.numel()));
}

Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
    const Tensor y = sum_to(x, reduced("sum", x.shape(), axes, true));
    return keepdim ? y : reshape(y, reduced("sum", x.shape(), axes, false));
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
    (void)reduced("mean", x.shape(), axes, keepdim);  // checks the axes
    int64_t count = 1;
    for (const int axis : axes) count *= x.shape()[axis];
    check(count > 0, "[mean] expects at least one element along each of its axes, got {}", x.shape());
    return scale(sum(x, axes, keepdim), 1 / static_cast<double>(count));
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs input(Random random) { return {random_tensor({2, 3, 5}, random)}; }
const DeclareGradientCase sum_case{{"reduce/sum", input, [](const Inputs& in) { return sum(in[0]); }}};
const DeclareGradientCase mean_case{{"reduce/mean", input, [](const Inputs& in) { return mean(in[0]); }}};
const DeclareGradientCase sum_axes_case{{"reduce/sum/axes", input, [](const Inputs& in) {
                                             return sum(in[0], {0, -1});
                                         }}};
const DeclareGradientCase mean_axes_case{
    {"reduce/mean/axes", input, [](const Inputs& in) { return mean(in[0], {1}, true); }}};

}  // namespace
}  // namespace swingrad

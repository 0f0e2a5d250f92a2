// sum(x), mean(x): [...] -> []
//
//   y = factor sum_i x_i       factor = 1 (sum) or 1 / number of elements (mean)
//   dx_i = factor dy           saved: nothing but the shape
//
// The sum is taken in long_sum_type, double for float32, so that its error does not grow with how many numbers there
// are. y is float32 where x is bfloat16: a loss.
// Source: any text. Test: tests/reduce/test_reduce.cpp.

#include "cuda/reduce/reduce.h"

#include "core/threads.h"
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

}  // namespace

// ---- public functions

Tensor sum(const Tensor& x) { return scaled_sum("sum", x, 1); }

Tensor mean(const Tensor& x) {
    check(x.numel() > 0, "[mean] expects at least one element, got {}", x.shape());
    return scaled_sum("mean", x, 1 / static_cast<double>(x.numel()));
}

// ---- gradient checks

namespace {

std::vector<Tensor> input(Random random) { return {random_tensor({2, 3, 5}, random)}; }
const DeclareGradientCase sum_case{{"reduce/sum", input, [](const std::vector<Tensor>& in) { return sum(in[0]); }}};
const DeclareGradientCase mean_case{{"reduce/mean", input, [](const std::vector<Tensor>& in) { return mean(in[0]); }}};

}  // namespace
}  // namespace swingrad

// linear(x [..., I], weight [O, I], bias [O] or undefined) -> [..., O]
//
//   y_ro = bias_o + sum_i x_ri weight_oi           in matrices: y = x weight^T + bias, a row r for
//                                                  each index of the leading axes
//
// Backward. y_ro depends on x_ri through weight_oi, on weight_oi through x_ri and on bias_o directly, hence
//
//   dx_ri = sum_o dy_ro weight_oi                  dx = dy weight
//   dweight_oi = sum_r dy_ro x_ri                  dweight = dy^T x
//   dbias_o = sum_r dy_ro                          column sums of dy
//
// Saved: x and weight, nothing new.
// The pragma lets the compiler take several terms of a sum at a time, in an order that it chooses once for all runs.
// Source: the product every text has; the conventions are torch.nn.Linear's. Test: tests/linear/test_linear.cpp.

#include "cuda/linear/linear.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void LinearOp<T>::forward() const {
    parallel_rows(rows, O * I, [&](int64_t r) {
        for (int64_t o = 0; o < O; ++o) {
            const T *x_r = x + r * I, *weight_o = weight + o * I;
            A sum = bias ? bias[o] : A(0);
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < I; ++i) sum += x_r[i] * weight_o[i];
            y[r * O + o] = sum;
        }
    });
}

// ---- backward

template <class T>
void LinearOp<T>::backward() const {
    // forward: y_ro = bias_o + sum_i x_ri weight_oi, so:
    if (dx)
        parallel_rows(rows, O * I, [&](int64_t r) {
            std::vector<A> sum(I);
            for (int64_t o = 0; o < O; ++o)
                for (int64_t i = 0; i < I; ++i) sum[i] += dy[r * O + o] * weight[o * I + i];
            for (int64_t i = 0; i < I; ++i) dx[r * I + i] = sum[i];
        });
    if (dweight)
        parallel_rows(O, rows * I, [&](int64_t o) {
            std::vector<A> sum(I);
            for (int64_t r = 0; r < rows; ++r)
                for (int64_t i = 0; i < I; ++i) sum[i] += dy[r * O + o] * x[r * I + i];
            for (int64_t i = 0; i < I; ++i) dweight[o * I + i] = sum[i];
        });
    if (dbias) {
        for (int64_t o = 0; o < O; ++o) dbias[o] = 0;
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t o = 0; o < O; ++o) dbias[o] += dy[r * O + o];
    }
}

SWINGRAD_PLAIN_LOOPS(LinearOp);  // these loops for other operations too, such as mlp

// ---- autograd node

namespace {

struct LinearNode final : Node {
    Tensor x, weight;  // [..., I], [O, I]

    std::string_view name() const override { return "linear"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"weight", weight}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const int64_t I = weight.shape()[1], O = weight.shape()[0];
        const Tensor dx = needs_input_grad[0] ? x.empty_like(x.shape()) : Tensor();
        const Tensor dweight = needs_input_grad[1] ? gradient_memory(1, weight) : Tensor();
        const Tensor dbias = needs_input_grad[2] ? gradient_memory(2, {O}, acc_dtype(x.dtype()), x.device()) : Tensor();
        run_backward(name(), x, [&]<class T>(T) {
            LinearOp<T> op{.rows = x.shape().rows(), .I = I, .O = O};
            op.x = ptr(x), op.weight = ptr(weight), op.dy = ptr(dy);
            op.dx = ptr(dx), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    check(weight.shape().rank() == 2, "[linear] weight must be [O, I], got {}", weight.shape());
    const int64_t O = weight.shape()[0], I = weight.shape()[1];
    check(O > 0 && I > 0, "[linear] weight must have elements, got {}", weight.shape());
    check(x.shape().rank() >= 1 && x.shape()[-1] == I, "[linear] x must be [..., {}] for a weight {}, got {}", I,
          weight.shape(), x.shape());
    check(!bias.defined() || bias.shape() == Shape{O}, "[linear] bias must be [{}], got {}", O, bias.shape());

    check_one_device("linear", {{"x", x}, {"weight", weight}, {"bias", bias}});

    const Tensor y = x.empty_like(x.shape().with(-1, O));
    run_forward("linear", x, [&]<class T>(T) {
        LinearOp<T> op{.rows = x.shape().rows(), .I = I, .O = O};
        op.x = ptr(x), op.weight = ptr(weight), op.bias = ptr(bias), op.y = ptr(y);
        return op;
    });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<LinearNode>();
    node->x = x.detached();
    node->weight = weight.detached();
    return record(std::move(node), {x, weight, bias}, y);
}

// ---- gradient check

const DeclareGradientCase linear_case{{
    "linear",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({4, 5}, random.split(1)),
                random_tensor({4}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); },
}};

const DeclareGradientCase linear_no_bias_case{{
    "linear/no_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 2}, random.split(0)), random_tensor({5, 2}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) { return linear(in[0], in[1]); },
}};

}  // namespace swingrad

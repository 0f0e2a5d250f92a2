// mlp(x [..., C], weight1 [U, C], bias1 [U], weight2 [O, U], bias2 [O]) -> [..., O]
//
//   a = x weight1^T + bias1        g = gelu(a)        y = g weight2^T + bias2
//
// The feed-forward half of a transformer block: each row by itself through one hidden layer. (MLP, "multilayer
// perceptron", is the field's name for that.) It is one operation because g, four times as wide as x, is needed only
// between two products: it is not kept, and computed again in backward.
//
// Backward is that of ops/linear/linear.cpp, of gelu (gelu': core/scalar.h), and of linear again:
//
//   dg = dy weight2         da = dg gelu'(a)       dx = da weight1
//   dweight2 = dy^T g       dbias2 = sum dy        dweight1 = da^T x       dbias1 = sum da
//
// Saved: x, a and the weights. Fused from: linear(gelu(linear(x, weight1, bias1)), weight2, bias2), which the test
// compares with.
// Source: Vaswani et al., "Attention is all you need", arXiv 1706.03762, section 3.3, with gelu for relu.
// Test: tests/linear/test_mlp.cpp.

#include "cuda/linear/mlp.h"
#include "core/scalar.h"
#include "core/threads.h"
#include "cuda/linear/linear.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void MlpOp<T>::forward() const {
    std::vector<T> g(rows * U);
    T* const hidden = a ? a : g.data();
    // 1. a = x weight1^T + bias1
    LinearOp<T>{rows, C, U, x, weight1, bias1, hidden}.forward();
    // 2. g = gelu(a)
    parallel_elements(rows * U, [&](int64_t i) { g[i] = Gelu::value(A(hidden[i])); });
    // 3. y = g weight2^T + bias2
    LinearOp<T>{rows, U, O, g.data(), weight2, bias2, y}.forward();
}

// ---- backward

template <class T>
void MlpOp<T>::backward() const {
    std::vector<T> g(rows * U), dg(rows * U), da(rows * U);
    parallel_elements(rows * U, [&](int64_t i) { g[i] = Gelu::value(A(a[i])); });
    // forward: y = g weight2^T + bias2, so:
    LinearOp<T> second{rows, U, O, g.data(), weight2};
    second.dy = dy, second.dx = dg.data(), second.dweight = dweight2, second.dbias = dbias2;
    second.backward();
    // forward: g = gelu(a), so:
    parallel_elements(rows * U, [&](int64_t i) { da[i] = dg[i] * Gelu::slope(A(a[i])); });
    // forward: a = x weight1^T + bias1, so:
    LinearOp<T> first{rows, C, U, x, weight1};
    first.dy = da.data(), first.dx = dx, first.dweight = dweight1, first.dbias = dbias1;
    first.backward();
}

// ---- autograd node

namespace {

struct MlpNode final : Node {
    Tensor x, a;              // [..., C], [..., U]
    Tensor weight1, weight2;  // [U, C], [O, U]

    std::string_view name() const override { return "mlp"; }
    std::vector<Saved> saved() const override {
        return {{"x", x}, {"a", a}, {"weight1", weight1}, {"weight2", weight2}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t C = x.shape()[-1], U = weight1.shape()[0], O = weight2.shape()[0];
        const Tensor dx = x.empty_like(x.shape());
        const Tensor dweight1 = gradient_memory(1, weight1), dweight2 = gradient_memory(3, weight2);
        const Tensor dbias1 = gradient_memory(2, {U}, acc_dtype(x.dtype()), x.device()),
                     dbias2 = gradient_memory(4, {O}, acc_dtype(x.dtype()), x.device());
        run_backward(name(), x, [&]<class T>(T) {
            MlpOp<T> op{.rows = x.shape().rows(), .C = C, .U = U, .O = O};
            op.x = ptr(x), op.weight1 = ptr(weight1), op.weight2 = ptr(weight2), op.a = ptr(a), op.dy = ptr(dy);
            op.dx = ptr(dx), op.dweight1 = ptr(dweight1), op.dweight2 = ptr(dweight2);
            op.dbias1 = ptr(dbias1), op.dbias2 = ptr(dbias2);
            return op;
        });
        return {dx, dweight1, dbias1, dweight2, dbias2};
    }
};

}  // namespace

// ---- public function

Tensor mlp(const Tensor& x, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2, const Tensor& bias2) {
    check(x.shape().rank() >= 1, "[mlp] x must be [..., C], got {}", x.shape());
    const int64_t C = x.shape()[-1];
    check(weight1.shape().rank() == 2 && weight1.shape()[1] == C, "[mlp] weight1 must be [U, {}], got {}", C,
          weight1.shape());
    const int64_t U = weight1.shape()[0];
    check(bias1.shape() == Shape{U}, "[mlp] bias1 must be [{}], got {}", U, bias1.shape());
    check(weight2.shape().rank() == 2 && weight2.shape()[1] == U, "[mlp] weight2 must be [O, {}], got {}", U,
          weight2.shape());
    const int64_t O = weight2.shape()[0];
    check(bias2.shape() == Shape{O}, "[mlp] bias2 must be [{}], got {}", O, bias2.shape());
    check(weight1.numel() > 0, "[mlp] weight1 must have elements, got {}", weight1.shape());
    check(weight2.numel() > 0, "[mlp] weight2 must have elements, got {}", weight2.shape());

    check_one_device("mlp", {{"x", x}, {"weight1", weight1}, {"bias1", bias1}, {"weight2", weight2}, {"bias2", bias2}});

    const bool keep = recording({x, weight1, bias1, weight2, bias2});
    const Tensor a = keep ? x.empty_like(x.shape().with(-1, U)) : Tensor();
    const Tensor y = x.empty_like(x.shape().with(-1, O));
    run_forward("mlp", x, [&]<class T>(T) {
        MlpOp<T> op{.rows = x.shape().rows(), .C = C, .U = U, .O = O};
        op.x = ptr(x), op.weight1 = ptr(weight1), op.bias1 = ptr(bias1), op.weight2 = ptr(weight2);
        op.bias2 = ptr(bias2), op.a = ptr(a), op.y = ptr(y);
        return op;
    });
    if (!keep) return y;
    auto node = std::make_unique<MlpNode>();
    node->x = x.detached();
    node->a = a;
    node->weight1 = weight1.detached();
    node->weight2 = weight2.detached();
    return record(std::move(node), {x, weight1, bias1, weight2, bias2}, y);
}

// ---- gradient check

const DeclareGradientCase mlp_case{{
    "mlp",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 4}, random.split(0)), random_tensor({7, 4}, random.split(1)),
                random_tensor({7}, random.split(2)), random_tensor({5, 7}, random.split(3)),
                random_tensor({5}, random.split(4))};
    },
    [](const std::vector<Tensor>& in) { return mlp(in[0], in[1], in[2], in[3], in[4]); },
}};

}  // namespace swingrad

// continuous_position_bias(coordinates [R, 2], weight1 [U, 2], bias1 [U], weight2 [h, U]) -> table [R, h]
//
// A small network makes a relative position bias table (what for: ops/attention/README.md). Each of the
// R = (2 Mh - 1)(2 Mw - 1) relative positions of two tokens, a row of relative_coordinates (ops/window.h), gets one
// number a head, between 0 and 16.
//
//   hidden = relu(coordinates weight1^T + bias1)         [R, U]
//   t      = hidden weight2^T                            [R, h]
//   y      = 16 sigmoid(t)
//
// Backward, from the end, with 16 sigmoid' = y (1 - y/16):
//
//   dt       = dy y (1 - y/16)
//   dweight2 = dt^T hidden           dhidden = dt weight2
//   dpre     = dhidden where hidden > 0, else 0          (at 0 exactly: 0, as in PyTorch; the centre row starts there)
//   dweight1 = dpre^T coordinates    dbias1 = column sums of dpre
//
// Saved: coordinates, weights, hidden and y: a few thousand numbers. The coordinates are constants.
// Numerics: the sum over hidden units is a long_sum_type. A float sum of 512 terms is off by a few 1e-6, and attention
// with a large scale makes ten times that of it.
// Fused from: scale(sigmoid(linear(relu(linear(coordinates, weight1, bias1)), weight2)), 16).
// Source: arXiv 2111.09883 section 3.3; the factors 8/log2(8) and 16 sigmoid are in its published code only.
// Test: tests/attention/test_continuous_position_bias.cpp.

#include "cuda/attention/continuous_position_bias.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {

// ---- forward

template <class T>
void ContinuousPositionBiasOp<T>::forward() const {
    using std::exp;
    parallel_rows(R, U * h, [&](int64_t r) {
        for (int64_t u = 0; u < U; ++u) {
            const A pre = coordinates[2 * r] * weight1[2 * u] + coordinates[2 * r + 1] * weight1[2 * u + 1] + bias1[u];
            hidden[r * U + u] = pre < 0 ? A(0) : pre;
        }
        for (int64_t head = 0; head < h; ++head) {
            long_sum_type<T> t = 0;
            for (int64_t u = 0; u < U; ++u) t += long_sum_type<T>(hidden[r * U + u]) * weight2[head * U + u];
            y[r * h + head] = A(16 / (1 + exp(-t)));
        }
    });
}

// ---- backward

template <class T>
void ContinuousPositionBiasOp<T>::backward() const {
    for (int64_t u = 0; u < U; ++u) dweight1[2 * u] = dweight1[2 * u + 1] = dbias1[u] = 0;
    for (int64_t i = 0; i < h * U; ++i) dweight2[i] = 0;
    for (int64_t r = 0; r < R; ++r) {
        std::vector<A> dhidden(U);
        for (int64_t head = 0; head < h; ++head) {
            const int64_t i = r * h + head;
            // forward: y = 16 sigmoid(t), so:
            const A dt = dy[i] * y[i] * (1 - y[i] / 16);
            // forward: t = hidden weight2^T, so:
            for (int64_t u = 0; u < U; ++u) dweight2[head * U + u] += dt * hidden[r * U + u];
            for (int64_t u = 0; u < U; ++u) dhidden[u] += dt * weight2[head * U + u];
        }
        for (int64_t u = 0; u < U; ++u) {
            // forward: hidden = relu(coordinates weight1^T + bias1), so:
            const A dpre = hidden[r * U + u] > 0 ? dhidden[u] : A(0);
            dweight1[2 * u] += dpre * coordinates[2 * r];
            dweight1[2 * u + 1] += dpre * coordinates[2 * r + 1];
            dbias1[u] += dpre;
        }
    }
}

// ---- autograd node

namespace {

struct ContinuousPositionBiasNode final : Node {
    Tensor coordinates, weight1, weight2, hidden, y;  // [R, 2], [U, 2], [h, U], [R, U], [R, h]

    std::string_view name() const override { return "continuous_position_bias"; }
    std::vector<Saved> saved() const override {
        return {{"coordinates", coordinates}, {"weight1", weight1}, {"weight2", weight2}, {"hidden", hidden}, {"y", y}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t R = coordinates.shape()[0], U = weight1.shape()[0], h = weight2.shape()[0];
        const Tensor dweight1 = gradient_memory(0, {U, 2}, dy.dtype(), dy.device()),
                     dbias1 = gradient_memory(1, {U}, dy.dtype(), dy.device()),
                     dweight2 = gradient_memory(2, {h, U}, dy.dtype(), dy.device());
        run_backward(name(), dy, [&]<class T>(T) {
            auto op = ContinuousPositionBiasOp<T>{.R = R, .U = U, .h = h};
            op.coordinates = ptr(coordinates), op.weight2 = ptr(weight2), op.hidden = ptr(hidden), op.y = ptr(y);
            op.dy = ptr(dy), op.dweight1 = ptr(dweight1), op.dbias1 = ptr(dbias1), op.dweight2 = ptr(dweight2);
            return op;
        });
        return {dweight1, dbias1, dweight2};
    }
};

}  // namespace

// ---- public function

Tensor continuous_position_bias(const Tensor& coordinates, const Tensor& weight1, const Tensor& bias1,
                                const Tensor& weight2) {
    check(coordinates.shape().rank() == 2 && coordinates.shape()[1] == 2,
          "[continuous_position_bias] coordinates must be [R, 2], got {}", coordinates.shape());
    check(weight1.shape().rank() == 2 && weight1.shape()[1] == 2,
          "[continuous_position_bias] weight1 must be [U, 2], got {}", weight1.shape());
    const int64_t R = coordinates.shape()[0], U = weight1.shape()[0];
    check(bias1.shape() == Shape{U}, "[continuous_position_bias] bias1 must be [{}], got {}", U, bias1.shape());
    check(weight2.shape().rank() == 2 && weight2.shape()[1] == U,
          "[continuous_position_bias] weight2 must be [h, {}], got {}", U, weight2.shape());
    refuse_gradient("continuous_position_bias: coordinates", {coordinates});
    check_one_device("continuous_position_bias",
                     {{"coordinates", coordinates}, {"weight1", weight1}, {"bias1", bias1}, {"weight2", weight2}});
    const int64_t h = weight2.shape()[0];
    const Tensor hidden = weight1.empty_like({R, U}), y = weight1.empty_like({R, h});
    run_forward("continuous_position_bias", weight1, [&]<class T>(T) {
        auto op = ContinuousPositionBiasOp<T>{.R = R, .U = U, .h = h};
        op.coordinates = ptr(coordinates), op.weight1 = ptr(weight1), op.bias1 = ptr(bias1), op.weight2 = ptr(weight2);
        op.hidden = ptr(hidden), op.y = ptr(y);
        return op;
    });
    if (!recording({weight1, bias1, weight2})) return y;
    auto node = std::make_unique<ContinuousPositionBiasNode>();
    node->coordinates = coordinates, node->hidden = hidden, node->y = y;
    node->weight1 = weight1.detached(), node->weight2 = weight2.detached();
    return record(std::move(node), {weight1, bias1, weight2}, y);
}

// ---- gradient check: a window that is not square

const DeclareGradientCase continuous_position_bias_case{{
    "continuous_position_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({7, 2}, random.split(0)), random_tensor({7}, random.split(1)),
                random_tensor({2, 7}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor coordinates =
            relative_coordinates({2, 3}, {0, 0}, OffsetScale::log_of_window, in[0].dtype()).on(in[0].device());
        return continuous_position_bias(coordinates, in[0], in[1], in[2]);
    },
}};

}  // namespace swingrad

// qkv_bias(q [C], v [C]) -> [3C]
//
//   y = q | 0 | v
//
// The bias of the linear map to queries, keys and values. Keys have none: it would move every score of a query by the
// same amount, and softmax takes that out again. This is exact for dot products; for cosines it is not quite, and V2
// leaves the bias out all the same.
//
// Backward: dq and dv are the outer thirds of dy; the middle third belongs to a constant.
//
// Saved: nothing.
// Source: Bao, Dong, Piao, Wei, "BEiT", arXiv 2106.08254, whose code Swin V2 follows.
// Test: tests/attention/test_qkv_bias.cpp.

#include "cuda/attention/qkv_bias.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void QkvBiasOp<T>::forward() const {
    for (int64_t c = 0; c < C; ++c) {
        y[c] = q[c];
        y[C + c] = T(0);
        y[2 * C + c] = v[c];
    }
}

// ---- backward

template <class T>
void QkvBiasOp<T>::backward() const {
    // forward: y_c = q_c, y_(2C + c) = v_c, so:
    for (int64_t c = 0; c < C; ++c) {
        dq[c] = dy[c];
        dv[c] = dy[2 * C + c];
    }
}

// ---- autograd node

namespace {

struct QkvBiasNode final : Node {
    std::string_view name() const override { return "qkv_bias"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t C = dy.shape()[0] / 3;
        const Tensor dq = gradient_memory(0, {C}, dy.dtype(), dy.device()),
                     dv = gradient_memory(1, {C}, dy.dtype(), dy.device());
        run_backward(name(), dy,
                     [&]<class T>(T) { return QkvBiasOp<T>{.C = C, .dy = ptr(dy), .dq = ptr(dq), .dv = ptr(dv)}; });
        return {dq, dv};
    }
};

}  // namespace

// ---- public function

Tensor qkv_bias(const Tensor& q, const Tensor& v) {
    check(q.shape().rank() == 1, "[qkv_bias] q must be [C], got {}", q.shape());
    const int64_t C = q.shape()[0];
    check(v.shape() == Shape{C}, "[qkv_bias] v must be [{}], got {}", C, v.shape());
    check_one_device("qkv_bias", {{"q", q}, {"v", v}});
    const Tensor y = q.empty_like({3 * C});
    run_forward("qkv_bias", q, [&]<class T>(T) { return QkvBiasOp<T>{.C = C, .q = ptr(q), .v = ptr(v), .y = ptr(y)}; });
    return record(std::make_unique<QkvBiasNode>(), {q, v}, y);
}

// ---- gradient check

const DeclareGradientCase qkv_bias_case{{
    "qkv_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({5}, random.split(0)), random_tensor({5}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) { return qkv_bias(in[0], in[1]); },
}};

}  // namespace swingrad

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
// Saved: nothing. dq and dv are ranges of dy's memory, not copies.
// Source: Bao, Dong, Piao, Wei, "BEiT", arXiv 2106.08254, whose code Swin V2 follows.
// Test: tests/attention/test_qkv_bias.cpp.

#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "ops/ops.h"

namespace swingrad {
namespace {

// ---- autograd node

struct QkvBiasNode final : Node {
    std::string_view name() const override { return "qkv_bias"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t C = dy.shape()[0] / 3;
        return {dy.subrange(0, {C}), dy.subrange(2 * C, {C})};
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
    y.subrange(0, {C}).copy_from(q);
    y.subrange(C, {C}).fill_zero();
    y.subrange(2 * C, {C}).copy_from(v);
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

// residual_norm(x [B, ..., C], y [B or K, ..., C], weight [C], bias [C], keep [B] or none) -> [B, ..., C]
//
//   out = x + keep_b layer_norm(y; weight, bias)
//
// The residual connection of Swin V2 ("res-post-norm": the branch's result y is normalised, then added to the stream x)
// with drop path (ops/regularise/drop_path.cpp) in one pass: keep_b is 0 where sample b's branch is dropped, without
// drop path 1, else 1/(1 - rate). y may hold only the K samples with keep_b != 0 (ops/regularise/select_kept.cpp).
//
// Backward: the sum passes dout to both sides; the branch gets it times keep_b, then goes back through the norm:
//
//   dx = dout        dy, dweight, dbias = those of layer_norm (ops/norm/layer_norm.cpp) for the gradient keep_b dout
//
// Saved: y, weight, keep, and two numbers a row. x is not needed.
// Fused from: add(x, drop_path(layer_norm(y, weight, bias), keep)), with restore_dropped around y where it has K
// samples, which the test compares with.
// Source: arXiv 2111.09883 section 3.2. Test: tests/norm/test_residual_norm.cpp.

#include "cuda/norm/residual_norm.h"
#include "core/threads.h"
#include "cuda/norm/layer_norm.h"
#include "ops/operation.h"
#include "ops/ops.h"
#include "ops/regularise/kept_samples.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void ResidualNormOp<T>::forward() const {
    const int64_t size = N * C;  // of a sample
    // 1. z = layer_norm(y), not rounded
    std::vector<A> y_wide(y, y + K * size), z(K * size);
    LayerNormOp<A> norm{.rows = K * N, .C = C, .eps = eps};
    norm.x = y_wide.data(), norm.weight = weight, norm.bias = bias;
    norm.y = z.data(), norm.mean = mean, norm.rstd = rstd;
    norm.forward();
    // 2. out = x + keep_b z
    parallel_rows(B, size, [&](int64_t b) {
        const int64_t k = place[b];
        const A keep_b = keep ? keep[b] : A(1);
        for (int64_t i = 0; i < size; ++i) {
            const A before = x[b * size + i];
            out[b * size + i] = k < 0 ? before : before + keep_b * z[k * size + i];
        }
    });
}

// ---- backward

template <class T>
void ResidualNormOp<T>::backward() const {
    const int64_t size = N * C;
    std::vector<A> y_wide(y, y + K * size), dz(K * size), dy_wide(K * size);
    // forward: out = x + keep_b z, so:
    parallel_rows(B, size, [&](int64_t b) {
        const int64_t k = place[b];
        const A keep_b = keep ? keep[b] : A(1);
        for (int64_t i = 0; k >= 0 && i < size; ++i) dz[k * size + i] = keep_b * dout[b * size + i];
    });
    // forward: z = layer_norm(y), so:
    LayerNormOp<A> norm{.rows = K * N, .C = C};
    norm.x = y_wide.data(), norm.weight = weight, norm.mean = mean, norm.rstd = rstd, norm.dy = dz.data();
    norm.dx = dy_wide.data(), norm.dweight = dweight, norm.dbias = dbias;
    norm.backward();
    for (int64_t i = 0; i < K * size; ++i) dy[i] = dy_wide[i];
}

// ---- autograd node

namespace {

struct ResidualNormNode final : Node {
    Tensor y, weight, keep;      // [B or K, ..., C], [C], [B] or undefined
    Tensor mean, rstd;           // [rows of y]
    std::vector<int64_t> place;  // [B]: y's sample for x's sample b, or -1

    std::string_view name() const override { return "residual_norm"; }
    std::vector<Saved> saved() const override {
        return {{"y", y}, {"weight", weight}, {"keep", keep}, {"mean", mean}, {"rstd", rstd}};
    }

    std::vector<Tensor> backward(const Tensor& dout, const NeedsInputGrad&) override {
        const int64_t B = dout.shape()[0], N = dout.shape().rows() / std::max<int64_t>(1, B);
        const Tensor dy = y.empty_like(y.shape()), dweight = gradient_memory(2, weight),
                     dbias = gradient_memory(3, weight);
        run_backward(name(), y, [&]<class T>(T) {
            ResidualNormOp<T> op{.B = B, .K = y.shape()[0], .N = N, .C = dout.shape()[-1], .place = place.data()};
            op.y = ptr(y), op.weight = ptr(weight), op.keep = ptr(keep), op.mean = ptr(mean), op.rstd = ptr(rstd);
            op.dout = ptr(dout), op.dy = ptr(dy), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dout, dy, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor residual_norm(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias, const Tensor& keep,
                     double eps) {
    check(x.shape().rank() >= 2 && y.shape().rank() >= 2 && x.shape() == y.shape().with(0, x.shape()[0]),
          "[residual_norm] x and y must have one shape [B, ..., C], got {} and {}", x.shape(), y.shape());
    const int64_t B = x.shape()[0], C = x.shape()[-1], N = x.shape().rows() / std::max<int64_t>(1, B);
    check(weight.shape() == Shape{C}, "[residual_norm] weight must be [{}], got {}", C, weight.shape());
    check(bias.shape() == Shape{C}, "[residual_norm] bias must be [{}], got {}", C, bias.shape());
    check(!keep.defined() || keep.shape() == Shape{B}, "[residual_norm] keep must be [{}], got {}", B, keep.shape());
    refuse_gradient("residual_norm: keep", {keep});
    check_one_device("residual_norm", {{"x", x}, {"y", y}, {"weight", weight}, {"bias", bias}, {"keep", keep}});

    const bool whole = y.shape() == x.shape();
    const KeptSamples kept = whole || !keep.defined() ? KeptSamples(B) : KeptSamples(keep);
    const int64_t K = kept.count();
    check(y.shape()[0] == K, "[residual_norm] y must have all {} samples of x or the {} that are kept, got {}", B, K,
          y.shape());
    if (!whole && y.device() != Device::cpu) return residual_norm(x, restore_dropped(y, keep), weight, bias, keep, eps);

    const Tensor out = x.empty_like(x.shape()), mean = weight.empty_like({K * N}), rstd = weight.empty_like({K * N});
    run_forward("residual_norm", x, [&]<class T>(T) {
        ResidualNormOp<T> op{.B = B, .K = K, .N = N, .C = C, .place = kept.place.data(), .eps = eps};
        op.x = ptr(x), op.y = ptr(y), op.weight = ptr(weight), op.bias = ptr(bias), op.keep = ptr(keep);
        op.out = ptr(out), op.mean = ptr(mean), op.rstd = ptr(rstd);
        return op;
    });
    if (!recording({x, y, weight, bias})) return out;
    auto node = std::make_unique<ResidualNormNode>();
    node->y = y.detached(), node->weight = weight.detached(), node->keep = keep;
    node->mean = mean, node->rstd = rstd, node->place = kept.place;
    return record(std::move(node), {x, y, weight, bias}, out);
}

// ---- gradient checks: one sample kept, one dropped, one without drop path; y of all samples or of those kept

static std::vector<Tensor> case_inputs(Random random, int64_t samples_of_y) {
    return {random_tensor({3, 2, 5}, random.split(0)), random_tensor({samples_of_y, 2, 5}, random.split(1)),
            random_tensor({5}, random.split(2)), random_tensor({5}, random.split(3))};
}
static Tensor case_result(const std::vector<Tensor>& in) {
    return residual_norm(in[0], in[1], in[2], in[3], constant_like(in[0], {3}, {1.25, 0, 1}));
}

const DeclareGradientCase all_case{{"residual_norm", [](Random r) { return case_inputs(r, 3); }, case_result}};
const DeclareGradientCase kept_case{{"residual_norm/kept", [](Random r) { return case_inputs(r, 2); }, case_result}};

}  // namespace swingrad

// select_kept(x [B, ...], keep [B]) -> [K, ...]          restore_dropped(y [K, ...], keep [B]) -> [B, ...]
//
// What drop path leaves out (ops/regularise/drop_path.cpp) need not be computed: a residual branch between these two
// goes over the K samples with keep_b != 0 alone. b(k) is the k-th of them:
//
//   select_kept          y_k = x_b(k)
//   restore_dropped      x_b = y_k where b = b(k), and 0 where keep_b = 0
//
// Backward. Both copy, so gradients are copied the other way. A sample that is not selected gets 0, and the zeros of
// restore_dropped have no gradient. Each one's backward is the other:
//
//   dx = restore_dropped(dy, keep)                          dy = select_kept(dx, keep)
//
// K must be known before there can be memory for y, so for a `keep` on a device the device is waited for. Models on a
// device therefore compute all samples: a captured step's shapes must be the same in each.
// Saved: keep, one number a sample. Where nothing is dropped, nothing is copied.
// Source: Huang et al., "Deep networks with stochastic depth", arXiv 1603.09382, section 3, where a batch drops a layer
// as a whole. Test: tests/regularise/test_select_kept.cpp.

#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "ops/regularise/kept_samples.h"

namespace swingrad {
namespace {

// ---- forward, and each other's backward: whole samples are copied, by the tensors themselves

// On the CPU by all threads.
void for_each_sample(int64_t samples, Device device, const std::function<void(int64_t)>& body) {
    if (device == Device::cpu) return parallel_for(samples, body);
    for (int64_t i = 0; i < samples; ++i) body(i);
}

Tensor selected(const Tensor& x, const Tensor& keep) {
    const KeptSamples kept(keep);
    if (kept.count() == keep.numel()) return x;
    const Tensor y = x.empty_like(x.shape().with(0, kept.count()));
    for_each_sample(kept.count(), x.device(), [&](int64_t k) {
        const int64_t b = kept.sample[k];
        y.slice(k, k + 1).copy_from(x.slice(b, b + 1));
    });
    return y;
}

Tensor restored(const Tensor& y, const Tensor& keep) {
    const int64_t B = keep.numel();
    if (y.shape()[0] == B) return y;
    const KeptSamples kept(keep);
    const Tensor x = y.empty_like(y.shape().with(0, B));
    for_each_sample(B, y.device(), [&](int64_t b) {
        const int64_t k = kept.place[b];
        if (k < 0) x.slice(b, b + 1).fill_zero();
        else x.slice(b, b + 1).copy_from(y.slice(k, k + 1));
    });
    return x;
}

// ---- autograd nodes

struct SelectKeptNode final : Node {
    Tensor keep;  // [B]

    std::string_view name() const override { return "select_kept"; }
    std::vector<Saved> saved() const override { return {{"keep", keep}}; }
    // forward: y_k = x_b(k), so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {restored(dy, keep)}; }
};

struct RestoreDroppedNode final : Node {
    Tensor keep;  // [B]

    std::string_view name() const override { return "restore_dropped"; }
    std::vector<Saved> saved() const override { return {{"keep", keep}}; }
    // forward: x_b(k) = y_k, so:
    std::vector<Tensor> backward(const Tensor& dx, const NeedsInputGrad&) override { return {selected(dx, keep)}; }
};

template <class KeepNode>
Tensor recorded(const Tensor& input, const Tensor& keep, const Tensor& output) {
    if (!recording({input})) return output;
    auto node = std::make_unique<KeepNode>();
    node->keep = keep;
    return record(std::move(node), {input}, output);
}

}  // namespace

// ---- public functions

Tensor select_kept(const Tensor& x, const Tensor& keep) {
    check(x.shape().rank() >= 1, "[select_kept] x must be [B, ...], got {}", x.shape());
    check(keep.shape() == Shape{x.shape()[0]}, "[select_kept] keep must be [{}], got {}", x.shape()[0], keep.shape());
    check_one_device("select_kept", {{"x", x}, {"keep", keep}});
    refuse_gradient("select_kept: keep", {keep});
    return recorded<SelectKeptNode>(x, keep, selected(x, keep));
}

Tensor restore_dropped(const Tensor& y, const Tensor& keep) {
    check(y.shape().rank() >= 1, "[restore_dropped] y must be [K, ...], got {}", y.shape());
    check(keep.shape().rank() == 1, "[restore_dropped] keep must be [B], got {}", keep.shape());
    check_one_device("restore_dropped", {{"y", y}, {"keep", keep}});
    refuse_gradient("restore_dropped: keep", {keep});
    const int64_t K = KeptSamples(keep).count();
    check(y.shape()[0] == K, "[restore_dropped] y must have the {} samples of {} that are kept, got {}", K,
          keep.numel(), y.shape());
    return recorded<RestoreDroppedNode>(y, keep, restored(y, keep));
}

// ---- gradient checks

namespace {

Tensor keep_like(const Tensor& x) { return constant_like(x, {4}, {1.25, 0, 2, 0}); }

}  // namespace

const DeclareGradientCase select_kept_case{{
    "select_kept",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({4, 2, 3}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) { return select_kept(in[0], keep_like(in[0])); },
}};

const DeclareGradientCase restore_dropped_case{{
    "restore_dropped",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 2, 3}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) { return restore_dropped(in[0], keep_like(in[0])); },
}};

}  // namespace swingrad

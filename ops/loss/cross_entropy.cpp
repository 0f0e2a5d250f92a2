// cross_entropy(logits [B, K], labels int64 [B], label_smoothing, ignored), cross_entropy_soft(logits, targets) -> []
//
// How far the predicted shares p of the classes are from the targets t, smallest where they are equal:
//
//   p = softmax(z)            loss = -(1/B) sum_b sum_c t_bc log p_bc            z logits, t targets
//
// Labels are targets too: t_bc = label_smoothing / K + (1 - label_smoothing) [c = label_b]. Of a sample whose label is
// the one to be ignored all t_bc are 0, so it adds nothing, and B is the number of the others; 1 where there are none.
// With m = max_c z_c and s = sum_c e^(z_c - m), for one row:
//
//   log p_c = (z_c - m) - log s           -sum_c t_c log p_c = (sum_c t_c) log s - sum_c t_c (z_c - m)
//
// Backward, for one row. d log s / d z_i = p_i, and m cancels (it is the same number added and taken away):
//
//   dz_i = dloss / B (p_i sum_c t_c - t_i)         which is (p - t) dloss / B where the targets sum to 1
//
// Saved: p and the targets.
// Numerics: e^(z_c - m) is at most 1, and exactly 1 once, so s is neither infinite nor 0. A target of 0 times a logit
// of -infinity (a class ruled out) is taken as 0. The B losses are added in order, in long_sum_type.
// Source of label smoothing: arXiv 1512.00567, section 7. Test: tests/loss/test_cross_entropy.cpp.

#include "cuda/loss/cross_entropy.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

// ---- forward

template <class T>
void CrossEntropyOp<T>::forward() const {
    using std::exp, std::log;
    const A off = A(label_smoothing / K), on = off + A(1 - label_smoothing);  // targets made of a label
    std::vector<A> losses(B);
    parallel_rows(B, K, [&](int64_t b) {
        const T* z = logits + b * K;
        A *t = targets + b * K, *p_row = p + b * K;
        if (labels && counted && labels[b] == ignored) std::fill_n(t, K, A(0));
        else if (labels) std::fill_n(t, K, off), t[labels[b]] = on;
        A m = z[0];
        for (int64_t c = 1; c < K; ++c) m = std::max(m, A(z[c]));
        A s = 0, t_sum = 0, t_z_sum = 0;
        for (int64_t c = 0; c < K; ++c) {
            p_row[c] = exp(z[c] - m);
            s += p_row[c];
            t_sum += t[c];
            t_z_sum += t[c] == 0 ? A(0) : t[c] * (z[c] - m);
        }
        for (int64_t c = 0; c < K; ++c) p_row[c] /= s;
        losses[b] = t_sum * log(s) - t_z_sum;
    });
    long_sum_type<T> sum = 0;
    for (int64_t b = 0; b < B; ++b) sum += losses[b];
    const int64_t n = std::max<int64_t>(1, B - (counted ? std::count(labels, labels + B, ignored) : 0));
    *loss = A(sum / n);
    if (counted) *counted = A(n);
}

// ---- backward

template <class T>
void CrossEntropyOp<T>::backward() const {
    const A dloss_row = *dloss / (counted ? *counted : A(B));
    parallel_rows(B, K, [&](int64_t b) {
        const A *t = targets + b * K, *p_row = p + b * K;
        A t_sum = 0;
        for (int64_t c = 0; c < K; ++c) t_sum += t[c];
        // forward: loss = sum_b (sum(t) log s - sum(t (z - m))) / B, so:
        for (int64_t c = 0; c < K; ++c) dlogits[b * K + c] = dloss_row * (p_row[c] * t_sum - t[c]);
    });
}

// ---- autograd node

namespace {

struct CrossEntropyNode final : Node {
    Tensor p, targets, counted;  // [B, K], [B, K], [1], the last undefined where no label is ignored
    DType dtype{};               // of the logits

    std::string_view name() const override { return "cross_entropy"; }
    std::vector<Saved> saved() const override { return {{"p", p}, {"targets", targets}}; }
    std::vector<Tensor> backward(const Tensor& dloss, const NeedsInputGrad&) override {
        const Tensor dlogits = Tensor::empty(p.shape(), dtype, p.device());
        run_backward(name(), dlogits, [&]<class T>(T) {
            return CrossEntropyOp<T>{p.shape()[0], p.shape()[1], nullptr, nullptr, 0,          0,
                                     ptr(counted), ptr(targets), ptr(p),  nullptr, ptr(dloss), ptr(dlogits)};
        });
        return {dlogits};
    }
};

// `targets` are given, or memory for those of labels.
Tensor loss_of(const Tensor& logits, const Tensor& labels, double smoothing, std::optional<int64_t> ignored,
               const Tensor& targets) {
    check_one_device("cross_entropy", {{"logits", logits}, {"labels", labels}, {"targets", targets}});
    const Tensor p = Tensor::empty(logits.shape(), acc_dtype(logits.dtype()), logits.device()), loss = p.empty_like({}),
                 counted = ignored ? p.empty_like({1}) : Tensor();
    run_forward("cross_entropy", logits, [&]<class T>(T) {
        return CrossEntropyOp<T>{p.shape()[0],        p.shape()[1], ptr(logits),  ptr(labels), smoothing,
                                 ignored.value_or(0), ptr(counted), ptr(targets), ptr(p),      ptr(loss)};
    });
    auto node = std::make_unique<CrossEntropyNode>();
    node->p = p, node->targets = targets.detached(), node->counted = counted, node->dtype = logits.dtype();
    return record(std::move(node), {logits}, loss);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double smoothing, std::optional<int64_t> ignored) {
    const Shape& z = logits.shape();
    check(z.rank() == 2 && z.numel() > 0, "[cross_entropy] logits must be [B, K], neither 0, got {}", z);
    check(labels.dtype() == DType::int64 && labels.shape() == Shape{z[0]},
          "[cross_entropy] labels must be int64 [{}], got {} {}", z[0], name_of(labels.dtype()), labels.shape());
    check(smoothing >= 0 && smoothing <= 1, "[cross_entropy] label_smoothing must be in 0 to 1, got {}", smoothing);
    for (int64_t b = 0; labels.device() == Device::cpu && b < z[0]; ++b) {
        const int64_t label = labels.data<int64_t>()[b];
        check((label >= 0 && label < z[1]) || label == ignored, "[cross_entropy] label {} of sample {} is not in 0..{}",
              label, b, z[1] - 1);
    }
    return loss_of(logits, labels, smoothing, ignored, Tensor::empty(z, acc_dtype(logits.dtype()), logits.device()));
}

Tensor cross_entropy_soft(const Tensor& logits, const Tensor& targets) {
    const Shape& z = logits.shape();
    check(z.rank() == 2 && z.numel() > 0, "[cross_entropy] logits must be [B, K], neither 0, got {}", z);
    check(targets.shape() == z, "[cross_entropy] targets must be {} as the logits, got {}", z, targets.shape());
    refuse_gradient("cross_entropy: targets", {targets});
    return loss_of(logits, {}, 0, {}, targets);
}

// ---- gradient checks

const auto labelled = [](Random random) -> std::vector<Tensor> {
    return {random_tensor({3, 5}, random.split(0)), Tensor::from({3}, std::vector<int64_t>{4, 0, 2})};
};
const DeclareGradientCase hard{{"cross_entropy", labelled, [](auto& in) { return cross_entropy(in[0], in[1]); }}};
const DeclareGradientCase smoothed{
    {"cross_entropy/smoothed_ignoring_0", labelled, [](auto& in) { return cross_entropy(in[0], in[1], 0.1, 0); }}};
const DeclareGradientCase soft{{"cross_entropy/cross_entropy_soft", labelled, [](auto& in) {
                                    const Tensor of_any_sum = random_tensor({3, 5}, Random{1, 1}).to(in[0].dtype());
                                    return cross_entropy_soft(in[0], of_any_sum.on(in[0].device()));
                                }}};

}  // namespace swingrad

// cross_entropy(logits [B, K], labels int64 [B], smoothing) -> []
// cross_entropy_soft(logits [B, K], targets [B, K]) -> []
//
// How far the predicted shares p of the classes are from the targets t, smallest where they are equal:
//
//   p = softmax(z)            loss = -(1/B) sum_b sum_c t_bc log p_bc            z logits, t targets
//
// Labels are targets too: t_bc = smoothing / K + (1 - smoothing) [c = label_b]. So there is one computation.
//
// With m = max_c z_c and s = sum_c e^(z_c - m), for one row:
//
//   log p_c = (z_c - m) - log s           -sum_c t_c log p_c = (sum_c t_c) log s - sum_c t_c (z_c - m)
//
// Backward, for one row. d log s / d z_i = p_i, and m cancels (it is the same number added and taken away):
//
//   dz_i = dloss / B (p_i sum_c t_c - t_i)         which is (p - t) dloss / B where the targets sum to 1
//
// Saved: p and the targets; on a device the labels instead, from which its kernels compute the targets anew.
// Numerics: e^(z_c - m) is at most 1, and exactly 1 once, so s is neither infinite nor 0. A target of 0 times a logit
// of -infinity (a class ruled out) is taken as 0. The B losses are added in order, in double: one sum for any number of
// threads.
// Source: Szegedy et al., "Rethinking the Inception architecture", arXiv 1512.00567, section 7, for smoothing.
// Test: tests/loss/test_cross_entropy.cpp.

#include "cuda/loss/cross_entropy.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// ---- labels as targets

template <class T>
void smoothed(int64_t B, int64_t K, const int64_t* labels, double smoothing, T* targets) {
    for (int64_t b = 0; b < B; ++b) {
        const int64_t label = labels[b];
        check(label >= 0 && label < K, "[cross_entropy] label {} of sample {} is not in 0..{}", label, b, K - 1);
        std::fill_n(targets + b * K, K, static_cast<T>(smoothing / static_cast<double>(K)));
        targets[b * K + label] += static_cast<T>(1 - smoothing);
    }
}

// ---- CPU forward

template <class T>
double forward(int64_t B, int64_t K, const T* logits, const acc_type<T>* targets, acc_type<T>* p) {
    using W = acc_type<T>;
    const Tensor losses = Tensor::empty({B}, DType::float64);
    double* loss = losses.data<double>();
    parallel_chunks(B, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const T* z = logits + b * K;
            const W* t = targets + b * K;
            W* p_row = p + b * K;
            W m = widen(z[0]);
            for (int64_t c = 1; c < K; ++c) m = std::max(m, widen(z[c]));
            W s = 0, t_sum = 0, t_z_sum = 0;
            for (int64_t c = 0; c < K; ++c) {
                p_row[c] = std::exp(widen(z[c]) - m);
                s += p_row[c];
                t_sum += t[c];
                t_z_sum += t[c] == 0 ? W(0) : t[c] * (widen(z[c]) - m);
            }
            for (int64_t c = 0; c < K; ++c) p_row[c] /= s;
            loss[b] = static_cast<double>(t_sum * std::log(s) - t_z_sum);
        }
    });
    double sum = 0;
    for (int64_t b = 0; b < B; ++b) sum += loss[b];
    return sum / static_cast<double>(B);
}

// ---- CPU backward

template <class T>
void backward(int64_t B, int64_t K, const acc_type<T>* p, const acc_type<T>* targets, acc_type<T> dloss, T* dlogits) {
    using W = acc_type<T>;
    parallel_chunks(B, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b) {
            const W *p_row = p + b * K, *t = targets + b * K;
            W t_sum = 0;
            for (int64_t c = 0; c < K; ++c) t_sum += t[c];
            // forward: loss = (sum(t) log s - sum(t (z - m))) / B, so:
            for (int64_t c = 0; c < K; ++c)
                dlogits[b * K + c] = narrow<T>(dloss / static_cast<W>(B) * (p_row[c] * t_sum - t[c]));
        }
    });
}

// ---- autograd node

struct CrossEntropyNode final : Node {
    Tensor p;              // [B, K]
    Tensor targets;        // [B, K]; on a device it may be int64 [B], labels
    double smoothing = 0;  // of labels
    DType dtype{};         // of the logits

    std::string_view name() const override { return "cross_entropy"; }
    std::vector<Saved> saved() const override { return {{"p", p}, {"targets", targets}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t B = p.shape()[0], K = p.shape()[1];
        const Tensor dlogits = Tensor::empty(p.shape(), dtype, p.device());
        on_device_of(
            "cross_entropy", dlogits,
            [&]<class T>(T) {
                using W = acc_type<T>;
                swingrad::backward(B, K, p.data<W>(), targets.data<W>(), *dy.data<W>(), dlogits.data<T>());
            },
            [&]<class T>(T) {
                const acc_type<T>*p_data = p.device_data<acc_type<T>>(), *dloss = dy.device_data<acc_type<T>>();
                if (targets.dtype() == DType::int64)
                    cuda::cross_entropy_backward(B, K, p_data, targets.device_data<int64_t>(), smoothing, dloss,
                                                 dlogits.device_data<T>());
                else
                    cuda::cross_entropy_soft_backward(B, K, p_data, targets.device_data<acc_type<T>>(), dloss,
                                                      dlogits.device_data<T>());
            });
        return {dlogits};
    }
};

// Of targets [B, K]; on a device also of labels, int64 [B].
Tensor loss_of(const Tensor& logits, const Tensor& targets, double smoothing) {
    const int64_t B = logits.shape()[0], K = logits.shape()[1];
    const Tensor loss = Tensor::empty({}, acc_dtype(logits.dtype()), logits.device()),
                 p = Tensor::empty({B, K}, acc_dtype(logits.dtype()), logits.device());
    on_device_of(
        "cross_entropy", logits,
        [&]<class T>(T) {
            using W = acc_type<T>;
            *loss.data<W>() = static_cast<W>(forward(B, K, logits.data<T>(), targets.data<W>(), p.data<W>()));
        },
        [&]<class T>(T) {
            acc_type<T>*p_data = p.device_data<acc_type<T>>(), *loss_data = loss.device_data<acc_type<T>>();
            if (targets.dtype() == DType::int64)
                cuda::cross_entropy_forward(B, K, logits.device_data<T>(), targets.device_data<int64_t>(), smoothing,
                                            p_data, loss_data);
            else
                cuda::cross_entropy_soft_forward(B, K, logits.device_data<T>(), targets.device_data<acc_type<T>>(), p_data,
                                                 loss_data);
        });
    if (!recording({logits})) return loss;
    auto node = std::make_unique<CrossEntropyNode>();
    node->p = p;
    node->targets = targets.detached();
    node->smoothing = smoothing;
    node->dtype = logits.dtype();
    return record(std::move(node), {logits}, loss);
}

void check_logits(const Shape& logits) {
    check(logits.rank() == 2 && logits.numel() > 0, "[cross_entropy] logits must be [B, K], neither 0, got {}", logits);
}

}  // namespace

// ---- public functions

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double smoothing) {
    check_logits(logits.shape());
    const int64_t B = logits.shape()[0], K = logits.shape()[1];
    check(labels.dtype() == DType::int64 && labels.shape() == Shape{B},
          "[cross_entropy] labels must be int64 [{}], got {} {}", B, name_of(labels.dtype()), labels.shape());
    check(smoothing >= 0 && smoothing <= 1, "[cross_entropy] smoothing must be in 0 to 1, got {}", smoothing);
    check_one_device("cross_entropy", {{"logits", logits}, {"labels", labels}});
    if (logits.device() == Device::cuda) return loss_of(logits, labels, smoothing);
    const Tensor targets = Tensor::empty({B, K}, acc_dtype(logits.dtype()));
    dispatch_float("cross_entropy", targets.dtype(),
                   [&]<class T>(T) { smoothed(B, K, labels.data<int64_t>(), smoothing, targets.data<T>()); });
    return loss_of(logits, targets, smoothing);
}

Tensor cross_entropy_soft(const Tensor& logits, const Tensor& targets) {
    check_logits(logits.shape());
    check(targets.shape() == logits.shape(), "[cross_entropy] targets must be {} as the logits, got {}", logits.shape(),
          targets.shape());
    refuse_gradient("cross_entropy: targets", {targets});
    check_one_device("cross_entropy", {{"logits", logits}, {"targets", targets}});
    return loss_of(logits, targets, 0);
}

// ---- gradient check

const DeclareGradientCase cross_entropy_case{{
    "cross_entropy",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 5}, random.split(0)), Tensor::from({3}, std::vector<int64_t>{4, 0, 2})};
    },
    [](const std::vector<Tensor>& in) { return cross_entropy(in[0], in[1]); },
}};

const DeclareGradientCase cross_entropy_smoothed_case{{
    "cross_entropy/smoothed",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({4, 3}, random.split(0)), Tensor::from({4}, std::vector<int64_t>{1, 0, 2, 1})};
    },
    [](const std::vector<Tensor>& in) { return cross_entropy(in[0], in[1], 0.1); },
}};

const DeclareGradientCase cross_entropy_soft_case{{
    "cross_entropy/cross_entropy_soft",  // targets that do not sum to 1
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor targets = Tensor::from({2, 3}, std::vector<double>{0.5, 0.2, 0.7, 0, 1.5, 0.3});
        return cross_entropy_soft(in[0], targets.on(in[0].device()));
    },
}};

}  // namespace swingrad

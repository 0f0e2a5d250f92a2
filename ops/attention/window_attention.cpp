// cosine_attention(qkv [B, H, W, 3C], padding [3C] or none, logit_scale [h, 1, 1], table [R, h] or none, map)
// dot_attention(qkv, padding, heads, table, map), both -> [B, H, W, C]
//
// Attention within shifted windows (what for: models/README.md). qkv holds q, k and v of every token, each C = h D
// wide; head number `head` uses columns head D .. (head + 1) D - 1 of each. The windows are never formed: token t of a
// window is read from where map.source says, and its result written back there. A padded token has `padding` for its q,
// k and v, and its result is dropped. A score is the product of a query and a key, each scaled first. For one window
// and head, with tokens i (queries), j (keys):
//
//   cosine (V2):   q^_i = q_i / max(|q_i|, eps)   k^_j = k_j / max(|k_j|, eps)   scale = exp(min(logit_scale, ln 100))
//   dot (V1):      q^_i = q_i / sqrt(D)           k^_j = k_j                     scale = 1
//
// with eps = 1e-12, and
//
//   S_ij = scale q^_i . k^_j + table[offset of i and j] - 100 [region_i != region_j]
//   P_ij = softmax over j of S_ij
//   o_i = sum_j P_ij v_j
//
// Backward, from the end, with prod_ij = q^_i . k^_j (in the code: product):
//
//   dP_ij = do_i . v_j                          dv_j = sum_i P_ij do_i
//   P_dP_i = sum_j P_ij dP_ij                   (a number a query: ops/norm/softmax.cpp has the derivation)
//   dS_ij = P_ij (dP_ij - P_dP_i)               dtable[r] = sum of dS_ij over images, windows and pairs with offset r
//   dprod_ij = scale dS_ij                      dlogit_scale = scale sum dS_ij prod_ij, 0 where logit_scale > ln 100
//   dq^_i = sum_j dprod_ij k^_j                 dk^_j = sum_i dprod_ij q^_i
//
// For a normalised vector q^ = q / |q|, dq = (dq^ - q^ (q^ . dq^)) / |q| (ops/norm/l2_normalise.cpp has the derivation).
// Where |q| < eps the denominator is a constant and the second term is absent, as it is for the dot product. And
// q^_i . dq^_i = sum_j dprod_ij prod_ij, so:
//
//   dq_i = factor_i (dq^_i - q^_i sum_j dprod_ij prod_ij)        factor_i: what q_i was multiplied by, to give q^_i
//   dk_j = factor_j (dk^_j - k^_j sum_i dprod_ij prod_ij)
//
// the second terms absent where said.
//
// Saved: the inputs. P is made again in backward: N numbers a token and head to keep, against one small product.
// Layout: matrices of a window and head are stored [key j][query i], so that a vector register holds one key and
// 16 queries, and sums over keys are sums of registers.
// Numerics: q and k are normalised before their product, not the product after it. A scale of 100 makes every rounding
// error of the cosine a hundred times as large, and this way has the fewest.
// Fused from: window_partition, permute, l2_normalise (or scale), matmul, relative_bias, softmax, window_reverse; the
// test compares with that.
// Source: arXiv 2111.09883 section 3.2 and its published code (which has the mask's -100 and the clamp at ln 100); dot
// attention: arXiv 2103.14030 section 3.2. Test: tests/attention/test_window_attention.cpp.

#include "autograd/gradcheck.h"
#include "ops/attention/attention_head.h"
#include "ops/attention/attention_head_backward.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

// ---- CPU forward

template <class T>
void forward(const AttentionProblem<T>& problem, T* y) {
    const Tensor bias = position_bias_by_key(problem);
    attend_all(problem, bias.template data<acc_type<T>>(), y);
}

// ---- CPU backward

template <class T>
void backward(const AttentionProblem<T>& problem, const T* dy, const AttentionGradients& gradients) {
    using W = acc_type<T>;
    const int64_t scores = bias_by_key_count(problem), heads = problem.heads, C3 = 3 * problem.C;
    const Tensor bias = position_bias_by_key(problem), dbias = Tensor::empty({scores}, dtype_of<W>());
    W *dscores = dbias.data<W>(), *dlogit_scale = gradients.logit_scale.data<W>();
    sum_by_groups<W>(sum_groups(problem.windows() * problem.window.tokens), problem.windows(), scores + heads + C3,
                     [&](int64_t begin, int64_t end, W* sums) {
                         AttentionHead<T> s(problem, bias.data<W>());
                         for (int64_t window = begin; window < end; ++window) {
                             s.enter(window);
                             for (int64_t head = 0; head < heads; ++head)
                                 attend_backward<T>(problem, s, head, dy, nullptr, gradients.qkv.data<T>(),
                                                    {sums, sums + scores, sums + scores + heads});
                         }
                     },
                     {{dscores, scores}, {dlogit_scale, heads}, {gradients.padding.data<W>(), C3}});
    finish_score_gradients(problem, dscores, dlogit_scale, gradients.table.data<W>());
}

// ---- autograd node

struct WindowAttentionNode final : Node {
    AttentionInputs inputs;
    Tensor y, log_sums;  // [B, H, W, C], [B, H, W, h]: on a device only, whose kernels work by tiles

    std::string_view name() const override {
        return inputs.logit_scale.defined() ? "cosine_attention" : "dot_attention";
    }
    std::vector<Saved> saved() const override {
        std::vector<Saved> all = inputs.saved();
        all.insert(all.end(), {{"y", y}, {"log_sum", log_sums}});
        return all;
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const AttentionGradients gradients(inputs);
        if (dy.device() == Device::cuda) attend_backward_on_device(name(), inputs, y, log_sums, dy, gradients);
        else
            dispatch_any_float(name(), dy.dtype(), [&]<class T>(T) {
                swingrad::backward(AttentionProblem<T>(inputs), dy.data<T>(), gradients);
            });
        return gradients.of(inputs);
    }
};

Tensor window_attention(std::string_view op, const AttentionInputs& inputs) {
    inputs.check(op);
    const Tensor y = inputs.qkv.empty_like(inputs.output_shape());
    Tensor log_sums;
    if (y.device() == Device::cuda) {
        log_sums = Tensor::empty(inputs.log_sums_shape(), acc_dtype(y.dtype()), y.device());
        attend_on_device(op, inputs, y, log_sums);
    } else {
        dispatch_any_float(op, y.dtype(), [&]<class T>(T) { forward(AttentionProblem<T>(inputs), y.data<T>()); });
    }
    if (!recording(inputs.tensors())) return y;
    auto node = std::make_unique<WindowAttentionNode>();
    node->inputs = inputs.detached();
    if (log_sums.defined()) node->y = y, node->log_sums = log_sums;
    return record(std::move(node), inputs.tensors(), y);
}

}  // namespace

// ---- public functions

Tensor cosine_attention(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& table,
                        const WindowMap& map) {
    check(logit_scale.shape().rank() == 3, "[cosine_attention] logit_scale must be [h, 1, 1], got {}",
          logit_scale.shape());
    return window_attention("cosine_attention", {qkv, padding, logit_scale, table, logit_scale.shape()[0], map});
}

Tensor dot_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& table,
                     const WindowMap& map) {
    return window_attention("dot_attention", {qkv, padding, {}, table, heads, map});
}

// ---- gradient checks: shifted and padded in both orders, two heads of three columns, one of them above the clamp
// (its logit_scale has gradient 0, which the other head's keeps from being vacuous)

namespace {

const GradcheckOptions loose{.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .mutate = {}};

// qkv, padding and table of two 3 x 5 images with two heads
std::vector<Tensor> attention_inputs(Random random, int64_t C, int64_t R) {
    return {random_tensor({2, 3, 5, 3 * C}, random.split(0)), random_tensor({3 * C}, random.split(1)),
            random_tensor({R, 2}, random.split(3))};
}
std::vector<Tensor> with_scales(std::vector<Tensor> inputs) {
    inputs.push_back(Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7}));
    return inputs;
}

}  // namespace

const DeclareGradientCase cosine_attention_case{{
    "cosine_attention",
    [](Random random) { return with_scales(attention_inputs(random, 6, 15)); },
    [](const std::vector<Tensor>& in) {
        return cosine_attention(in[0], in[1], in[3], in[2], make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
    loose,
}};

const DeclareGradientCase cosine_attention_after_shift_case{{
    "cosine_attention/after_shift",
    [](Random random) { return with_scales(attention_inputs(random, 2, 9)); },
    [](const std::vector<Tensor>& in) {
        return cosine_attention(in[0], in[1], in[3], in[2],
                                make_window_map({3, 5}, {2, 2}, {1, 1}, PaddingOrder::after_shift));
    },
    loose,
}};

const DeclareGradientCase dot_attention_case{{
    "dot_attention",
    [](Random random) { return attention_inputs(random, 6, 15); },
    [](const std::vector<Tensor>& in) {
        return dot_attention(in[0], in[1], 2, in[2], make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
    loose,
}};

}  // namespace swingrad

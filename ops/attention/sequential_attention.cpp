// sequential_attention(qkv [B, H, W, 3C], padding [3C] or none, heads, logit_scale [h, 1, 1] or none,
//                      bias_table [R, h] or none, map) -> [B, H, W, C]
//
// What cosine_attention (with a logit_scale) or dot_attention (without) computes (window_attention.cpp has the
// formulas), in memory that does not grow with the square of a window: tiled attention with an online softmax. The
// scores of a query are made for a tile of keys, used, and forgotten. The paper calls this sequential.
//
// Forward. A softmax over keys that come in tiles: with m_i the largest score of query i so far, l_i the sum of
// e^(S_ij - m_i) and o_i that of e^(S_ij - m_i) v_j, a further tile with the largest score m' does
//
//   m_new = max(m_i, m')     f = e^(m_i - m_new)     l_i <- f l_i + sum_j e^(S_ij - m_new)     o_i likewise
//
// and at the end o_i / l_i is the result. Kept of each query is logsumexp_i = m_i + log l_i, because
//
//   P_ij = e^(S_ij - logsumexp_i)
//
// gives any weight again with no need of its row. Backward, with y the result (o_i / l_i):
//
//   delta_i = sum_j P_ij dP_ij = sum_j P_ij do_i . v_j = do_i . y_i      one number a query, known before any weight
//   dS_ij = P_ij (dP_ij - delta_i)                                       dP_ij = do_i . v_j
//
// and from dS everything as in window_attention.cpp. A padded query's result is dropped: its do is 0, and its share of
// every gradient with it.
//
// Saved: the inputs, y, and logsumexp: one number a token and head.
// Numerics: in forward no exponent is above 0, for m_new is at least every score that it is taken from. m_i begins at
// -infinity, so the first f is e^-infinity = 0.
// Causal: the tiles of query i end with key i, keys_of(i) in all (window_attention.cpp).
// On a device the kernels are those of cosine_attention and dot_attention, which work by tiles too.
// Source: arXiv 2111.09883 section 3.5 (sequential self-attention, no formulas); Dao et al., "FlashAttention",
// arXiv 2205.14135, for the online softmax. Test: tests/attention/test_sequential_attention.cpp,
// test_causal_attention.cpp.

#include "cuda/attention/sequential_attention.h"

#include "core/threads.h"
#include "ops/attention/attention_inputs.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {

// ---- forward

template <class T>
void SequentialAttentionOp<T>::forward() const {
    using std::exp, std::log;
    constexpr int64_t tile = 64;  // keys
    parallel_rows(images * windows * heads, N * N * D, [&](int64_t n) {
        const HeadOfWindow<A> s = load(n / heads, n % heads);  // q^, k^ and v
        std::vector<A> P(tile), o(D);                          // of one query
        for (int64_t i = 0; i < N; ++i) {
            const int64_t row = row_of(s.window, i);
            if (row < 0) continue;  // the result of padding is dropped
            A m = -INFINITY, l = 0;
            for (int64_t d = 0; d < D; ++d) o[d] = 0;
            for (int64_t j0 = 0; j0 < keys_of(i); j0 += tile) {
                const int64_t keys = std::min(tile, keys_of(i) - j0);
                // 1: scores of the tile's keys, and the largest so far
                A product, m_new = m;
                for (int64_t j = 0; j < keys; ++j) {
                    P[j] = score(s, i, j0 + j, product);
                    m_new = std::max(m_new, P[j]);
                }
                // 2: what was summed relative to the old m, relative to the new one
                const A f = exp(m - m_new);
                l *= f;
                for (int64_t d = 0; d < D; ++d) o[d] *= f;
                m = m_new;
                // 3 and 4: exponentials, their sum, and the sum of the values that they weigh
                for (int64_t j = 0; j < keys; ++j) {
                    P[j] = exp(P[j] - m);
                    l += P[j];
                    for (int64_t d = 0; d < D; ++d) o[d] += P[j] * s.qkv[2][(j0 + j) * D + d];
                }
            }
            for (int64_t d = 0; d < D; ++d) y[row * C + s.head * D + d] = o[d] / l;
            logsumexp[row * heads + s.head] = m + log(l);
        }
    });
}

// ---- backward: every P_ij is made alone, from its score and logsumexp_i, so that no tiles are needed

template <class T>
void SequentialAttentionOp<T>::backward() const {
    using std::exp;
    parallel_rows(heads, images * windows * N * N * D, [&](int64_t head) {  // each sum over windows is one head's
        A dscore_scale = 0;
        for (int64_t window = 0; window < images * windows; ++window) {
            HeadOfWindow<A> s = load(window, head);
            const auto& [q, k, v] = s.qkv;
            auto& [dq, dk, dv] = s.d;
            for (int64_t i = 0; i < N; ++i) {
                const int64_t row = row_of(window, i);
                if (row < 0) continue;
                const T *y_i = y + row * C + head * D, *do_i = dy + row * C + head * D;
                A delta = 0;
                for (int64_t d = 0; d < D; ++d) delta += do_i[d] * y_i[d];
                for (int64_t j = 0; j < keys_of(i); ++j) {
                    A product;
                    const A P = exp(score(s, i, j, product) - logsumexp[row * heads + head]);
                    // forward: o_i = sum_j P_ij v_j, so:
                    A dP = 0;
                    for (int64_t d = 0; d < D; ++d) {
                        dP += do_i[d] * v[j * D + d];
                        dv[j * D + d] += P * do_i[d];
                    }
                    // forward: P_i = softmax of S_i, S_ij = scale product_ij + bias, product_ij = q^_i . k^_j, so:
                    const A dS = P * (dP - delta), dproduct = s.scale * dS;
                    dscore_scale += dproduct * product;
                    if (dbias_table) dbias_table[relative_index(i, j) * heads + head] += dS;
                    for (int64_t d = 0; d < D; ++d) {
                        dq[i * D + d] += dproduct * k[j * D + d];
                        dk[j * D + d] += dproduct * q[i * D + d];
                    }
                }
            }
            store(s);
        }
        // forward: scale = exp(min(logit_scale, ln 100)), so:
        if (dlogit_scale) dlogit_scale[head] = logit_scale[head] > A(std::log(100.0)) ? A(0) : dscore_scale;
    });
}

// ---- autograd node

namespace {

struct SequentialAttentionNode final : Node {
    AttentionInputs inputs;
    Tensor y, logsumexp;  // [B, H, W, C], [B, H, W, h]

    std::string_view name() const override { return inputs.op; }
    std::vector<Saved> saved() const override { return inputs.saved(y, logsumexp); }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const AttentionInputs d = inputs.gradients();
        run_backward(name(), dy,
                     [&]<class T>(T) { return SequentialAttentionOp<T>{inputs.arguments<T>(y, logsumexp, dy, d)}; });
        return d.tensors();
    }
};

}  // namespace

// ---- public function

Tensor sequential_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                            const Tensor& bias_table, const WindowMap& map) {
    const AttentionInputs inputs{"sequential_attention", qkv, padding, logit_scale, bias_table, heads, map};
    inputs.check();
    const Tensor y = qkv.empty_like(inputs.y_shape());
    const Tensor logsumexp = inputs.empty_logsumexp();
    run_forward(inputs.op, y, [&]<class T>(T) { return SequentialAttentionOp<T>{inputs.arguments<T>(y, logsumexp)}; });
    if (!recording(inputs.tensors())) return y;
    auto node = std::make_unique<SequentialAttentionNode>();
    node->inputs = inputs.detached();
    node->y = y;
    node->logsumexp = logsumexp;
    return record(std::move(node), inputs.tensors(), y);
}

// ---- gradient checks: a window of more than one tile, shifted and padded; the cosine, one head above the clamp, and
// the dot product; a causal sequence

namespace {

const GradcheckOptions loose{.eps = 1e-6, .atol = 1e-6, .rtol = 1e-5, .seed = 0, .mutate = {}};

const DeclareGradientCase sequential_attention_case{{
    "sequential_attention",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({1, 12, 7, 6}, random.split(0)), random_tensor({6}, random.split(1)),
                random_tensor({17 * 15, 2}, random.split(2)), Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7})};
    },
    [](const std::vector<Tensor>& in) {
        return sequential_attention(in[0], in[1], 2, in[3], in[2], make_window_map({12, 7}, {9, 8}, {4, 0}));
    },
    loose,
}};

const DeclareGradientCase sequential_dot_case{{
    "sequential_attention/dot",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 18}, random.split(0)), random_tensor({18}, random.split(1)),
                random_tensor({15, 2}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) {
        return sequential_attention(in[0], in[1], 2, {}, in[2], make_window_map({3, 5}, {2, 3}, {1, 1}));
    },
    loose,
}};

const DeclareGradientCase sequential_causal_case{{
    "sequential_attention/causal",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({1, 1, 67, 6}, random.split(0)), random_tensor({133, 2}, random.split(1)),
                Tensor::from({2, 1, 1}, std::vector<double>{1.3, 4.7})};
    },
    [](const std::vector<Tensor>& in) {
        return sequential_attention(in[0], {}, 2, in[2], in[1], make_sequence_map(67, true));
    },
    loose,
}};

}  // namespace
}  // namespace swingrad

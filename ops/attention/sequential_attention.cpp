// sequential_attention(qkv [B, H, W, 3C], padding [3C] or none, heads, logit_scale [h, 1, 1] or none,
//                      table [R, h] or none, map) -> [B, H, W, C]
//
// What cosine_attention (with a logit_scale) or dot_attention (without) computes (window_attention.cpp has the
// formulas), in memory that does not grow with the square of a window: the scores of a window and head are made in
// tiles of tile_size queries and keys, used, and forgotten.
//
// Forward. A softmax over keys that come in tiles: with m_i the largest score of query i so far, l_i the sum of
// e^(S_ij - m_i) and o_i that of e^(S_ij - m_i) v_j, a further tile with the largest score m' does
//
//   m_new = max(m_i, m')     f = e^(m_i - m_new)     l_i <- f l_i + sum_j e^(S_ij - m_new)     o_i likewise
//
// and at the end o_i / l_i is the result. Kept of each query is log_sum_i = m_i + log l_i, because
//
//   P_ij = e^(S_ij - log_sum_i)
//
// gives any tile of P again with no need of its row. Backward, tile by tile, with y the result (o_i / l_i):
//
//   row_sum_i = sum_j P_ij dP_ij = sum_j P_ij do_i . v_j = do_i . y_i      one number a query, known before any tile
//   dS_ij = P_ij (dP_ij - row_sum_i)                                       dP_ij = do_i . v_j
//
// and from dS everything as in window_attention.cpp, added up over tiles. A padded query's result is dropped: its do is
// 0, and its tiles' share of every gradient with it; its log_sum is taken as infinite, which makes its P 0.
//
// Saved: the inputs, y, and log_sum: one number a token and head.
// Numerics: in forward no exponent is above 0, for m_new is at least every score that it is taken from. m_i begins at
// -infinity, so the first f is e^-infinity = 0.
// Source: arXiv 2111.09883 section 3.5 (sequential self-attention, no formulas); Dao et al., "FlashAttention",
// arXiv 2205.14135, for the running softmax. Test: tests/attention/test_sequential_attention.cpp.

#include "autograd/gradcheck.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "ops/attention/sequential_head.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

// ---- CPU forward. A piece of work is one head of one window. log_sums [B, H, W, h].

template <class T>
void forward(const AttentionProblem<T>& problem, T* y, acc_type<T>* log_sums) {
    const int64_t heads = problem.heads;
    parallel_chunks(problem.windows() * heads, heads, [&](int64_t begin, int64_t end) {
        SequentialHead<T> s(problem);
        for (int64_t piece = begin; piece < end; ++piece) {
            const int64_t head = piece % heads;
            s.load(piece / heads, head);
            s.forward();
            for (int64_t t = 0; t < s.N; ++t)
                if (const int64_t row = s.rows[static_cast<size_t>(t)]; row >= 0) {
                    narrow_row(problem.D, s.o + t * s.Dp, y + row * problem.C + head * problem.D);
                    log_sums[row * heads + head] = s.log_sum[t];
                }
        }
    });
}

// ---- CPU backward

// What a window and head need of y, dy and log_sums.
template <class T>
void load_results(const AttentionProblem<T>& problem, SequentialHead<T>& s, int64_t head, const T* y,
                  const acc_type<T>* log_sums, const T* dy) {
    using W = acc_type<T>;
    const int64_t D = problem.D;
    for (int64_t t = 0; t < s.N; ++t) {
        const int64_t row = s.rows[static_cast<size_t>(t)], at = row * problem.C + head * D;
        s.row_sum[t] = 0;
        std::fill_n(s.do_ + t * s.Dp, D, W(0));
        s.log_sum[t] = row < 0 ? std::numeric_limits<W>::infinity() : log_sums[row * problem.heads + head];
        if (row < 0) continue;
        for (int64_t d = 0; d < D; ++d) {
            s.do_[t * s.Dp + d] = widen(dy[at + d]);
            s.row_sum[t] += widen(dy[at + d]) * widen(y[at + d]);
        }
    }
}

// dq, dk and dv of a window and head to their places.
template <class T>
void put(const AttentionProblem<T>& problem, const SequentialHead<T>& s, int64_t head, T* dqkv, acc_type<T>* dpadding) {
    const acc_type<T>* parts[] = {s.dq, s.dk, s.dv};
    for (int64_t t = 0; t < s.N; ++t) {
        const int64_t row = s.rows[static_cast<size_t>(t)];
        for (int64_t part = 0; part < 3; ++part) {
            const acc_type<T>* from = parts[part] + t * s.Dp;
            const int64_t column = part * problem.C + head * problem.D;
            if (row >= 0) narrow_row(problem.D, from, dqkv + row * 3 * problem.C + column);
            else
                for (int64_t d = 0; d < problem.D; ++d) dpadding[column + d] += from[d];
        }
    }
}

template <class T>
void backward(const AttentionProblem<T>& problem, const T* y, const acc_type<T>* log_sums, const T* dy,
              const AttentionGradients& gradients) {
    using W = acc_type<T>;
    const int64_t heads = problem.heads, pieces = problem.windows() * heads, entries = gradients.table.numel(),
                  C3 = 3 * problem.C;
    T* dqkv = gradients.qkv.data<T>();
    W* dlogit_scale = gradients.logit_scale.data<W>();
    sum_by_groups<W>(sum_groups(pieces * problem.window.tokens), pieces, entries + heads + C3,
                     [&](int64_t begin, int64_t end, W* sums) {
                         SequentialHead<T> s(problem);
                         for (int64_t piece = begin; piece < end; ++piece) {
                             const int64_t head = piece % heads;
                             s.load(piece / heads, head);
                             load_results(problem, s, head, y, log_sums, dy);
                             s.backward(sums, sums[entries + head]);
                             put(problem, s, head, dqkv, sums + entries + heads);
                         }
                     },
                     {{gradients.table.data<W>(), entries}, {dlogit_scale, heads}, {gradients.padding.data<W>(), C3}});
    for (int64_t head = 0; head < heads; ++head)
        if (problem.cosine() && problem.scale_is_clamped(head)) dlogit_scale[head] = 0;
}

// ---- autograd node

struct SequentialAttentionNode final : Node {
    AttentionInputs inputs;
    Tensor y, log_sums;  // [B, H, W, C], [B, H, W, h]

    std::string_view name() const override { return "sequential_attention"; }
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
                swingrad::backward(AttentionProblem<T>(inputs), y.data<T>(), log_sums.data<acc_type<T>>(), dy.data<T>(),
                                   gradients);
            });
        return gradients.of(inputs);
    }
};

}  // namespace

// ---- public function

Tensor sequential_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                            const Tensor& table, const WindowMap& map) {
    const AttentionInputs inputs{qkv, padding, logit_scale, table, heads, map};
    inputs.check("sequential_attention");
    const Tensor y = qkv.empty_like(inputs.output_shape());
    const Tensor log_sums = Tensor::empty(inputs.log_sums_shape(), acc_dtype(y.dtype()), y.device());
    if (y.device() == Device::cuda) attend_on_device("sequential_attention", inputs, y, log_sums);
    else
        dispatch_any_float("sequential_attention", y.dtype(), [&]<class T>(T) {
            forward(AttentionProblem<T>(inputs), y.data<T>(), log_sums.data<acc_type<T>>());
        });
    if (!recording(inputs.tensors())) return y;
    auto node = std::make_unique<SequentialAttentionNode>();
    node->inputs = inputs.detached();
    node->y = y;
    node->log_sums = log_sums;
    return record(std::move(node), inputs.tensors(), y);
}

// ---- gradient checks: a window of more than one tile, shifted and padded; the cosine, one head above the clamp, and
// the dot product

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

}  // namespace
}  // namespace swingrad

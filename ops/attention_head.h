// One head of one attention window: scratch memory, and the steps that forward and backward of window_attention.cpp are
// made of. Formulas and layout are there.
#pragma once

#include "core/scalar.h"
#include "ops/attention_inputs.h"

#include <limits>

namespace swingrad {

template <class T>
class AttentionHead {
    using W = Wide<T>;

  public:
    // `bias` is position_bias_by_key's.
    AttentionHead(const AttentionProblem<T>& problem, const W* bias)
        : problem_(problem),
          bias_(bias),
          N(problem.window.tokens),
          L(padded_to_lanes<W>(problem.window.tokens)),
          Dp(problem.Dp) {
        const int64_t vectors = N * Dp, matrices = N * L, transposes = Dp * L;
        memory_ = Tensor::zeros({5 * vectors + 4 * matrices + 2 * transposes + 5 * L}, dtype_of<W>());
        W* next = memory_.data<W>();
        for (W** array : {&q, &k, &v, &o, &result}) *array = next, next += vectors;
        for (W** array : {&product, &P, &dP, &dprod}) *array = next, next += matrices;
        for (W** array : {&q_t, &do_t}) *array = next, next += transposes;
        for (W** array : {&q_factor, &k_factor, &q_along, &k_along, &k_dot}) *array = next, next += L;
    }

    // Fills q, k, v, product and P from the inputs.
    void attend(int64_t window, int64_t head) {
        const int64_t D = problem_.D, C = problem_.C;
        for (int64_t t = 0; t < N; ++t) {
            problem_.with_token(problem_.row_of(window, t), [&](const auto* token) {
                q_factor[t] = problem_.scale_query(token + head * D, q + t * Dp, q_along[t]);
                k_factor[t] = problem_.scale_key(token + C + head * D, k + t * Dp, k_along[t]);
                for (int64_t d = 0; d < D; ++d) v[t * Dp + d] = widen(token[2 * C + head * D + d]);
            });
            if (window + 1 < problem_.windows())
                problem_.with_token(problem_.row_of(window + 1, t),
                                    [&](const auto* token) { prefetch(token + head * D, 3, C, D); });
        }
        transpose(q, q_t);
        small_product(N, L, D, k, Dp, int64_t{1}, q_t, L, product, L);  // q^_i . k^_j at [j][i]
        softmax_over_keys(window, head);
    }

    // `parts` stretches of D numbers, C apart, that will soon be read or written. The rows of a window lie too far
    // apart for the processor to guess, so while one window is computed the next one's are asked for.
    template <class U>
    static void prefetch(const U* first, int64_t parts, int64_t C, int64_t D) {
        constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(U));
        for (int64_t part = 0; part < parts; ++part)
            for (int64_t d = 0; d < D; d += line) __builtin_prefetch(first + part * C + d);
    }

    // Rows [N, Dp] with lanes for d into [D, L] with lanes for tokens. Padding stays the zero it was made as.
    void transpose(const W* from, W* to) const {
        const int64_t whole = N / lane_count * lane_count;
        for (int64_t t = 0; t < whole; t += lane_count)
            for (int64_t d = 0; d < Dp; d += lane_count) transpose_square(from + t * Dp + d, Dp, to + d * L + t, L);
        for (int64_t t = whole; t < N; ++t)
            for (int64_t d = 0; d < problem_.D; ++d) to[d * L + t] = from[t * Dp + d];
    }

  private:
    static constexpr int64_t lane_count = lanes<W>;

    void softmax_over_keys(int64_t window, int64_t head) {
        const W scale = problem_.scale(head);
        const W* bias = bias_ + head * N * L;
        const int32_t* region = problem_.regions_of(window);
        for (int64_t first = 0; first < L; first += lane_count) {  // a vector of queries at a time
            W largest[lane_count], sum[lane_count] = {};
            int32_t query_region[lane_count] = {};
            std::fill_n(largest, lane_count, -std::numeric_limits<W>::infinity());
            if (region) std::copy_n(region + first, std::min(lane_count, N - first), query_region);
            for (int64_t j = 0; j < N; ++j) {
                const W* product_j = product + j * L + first;
                W* S_j = P + j * L + first;
                const int32_t key_region = region ? region[j] : 0;
                for (int64_t i = 0; i < lane_count; ++i) {
                    const W mask = query_region[i] == key_region ? W(0) : W(-100);
                    S_j[i] = scale * product_j[i] + bias[j * L + first + i] + mask;
                    largest[i] = std::max(largest[i], S_j[i]);
                }
            }
            for (int64_t j = 0; j < N; ++j) {
                W* P_j = P + j * L + first;
                for (int64_t i = 0; i < lane_count; ++i) {
                    P_j[i] = fast_exp(P_j[i] - largest[i]);
                    sum[i] += P_j[i];
                }
            }
            for (int64_t i = 0; i < lane_count; ++i) sum[i] = 1 / sum[i];
            for (int64_t j = 0; j < N; ++j)
                for (int64_t i = 0; i < lane_count; ++i) P[j * L + first + i] *= sum[i];
        }
    }

    const AttentionProblem<T>& problem_;
    const W* bias_;
    Tensor memory_;

  public:
    const int64_t N, L, Dp;
    W *q, *k, *v, *o, *result;     // [N, Dp]; q and k are q^ and k^; o is do in backward, result one of dq, dk, dv
    W *product, *P, *dP, *dprod;   // [N keys, L queries]; product is q^ . k^
    W *q_t, *do_t;                 // [Dp, L queries]
    W *q_factor, *k_factor;        // [L]: what q and k were multiplied by
    W *q_along, *k_along, *k_dot;  // [L]: q^ . dq^ and k^ . dk^, or 0 where not taken away
};

// table [R, h] as [h, N keys, L queries], padded with zeros; all zeros where table is null. Small beside qkv in any but
// tiny batches, and it makes the softmax read whole vectors.
template <class T>
Tensor position_bias_by_key(const AttentionProblem<T>& problem) {
    using W = Wide<T>;
    const int64_t N = problem.window.tokens, L = padded_to_lanes<W>(N), heads = problem.heads;
    Tensor bias = Tensor::zeros({heads, N, L}, dtype_of<W>());
    if (!problem.table) return bias;
    W* to = bias.data<W>();
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t j = 0; j < N; ++j)
            for (int64_t i = 0; i < N; ++i)
                to[(head * N + j) * L + i] = problem.table[problem.window.offset_row(i, j) * heads + head];
    return bias;
}

}  // namespace swingrad

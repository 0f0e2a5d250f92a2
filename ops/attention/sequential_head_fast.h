// One head of one attention window, its scores made tile by tile: what sequential_attention's fast path is made of.
// Formulas: sequential_attention.cpp. What makes it fast: a tile's products are small_product's, in vector registers.
#pragma once

#include "core/scalar.h"
#include "ops/attention/attention_problem_fast.h"

#include <algorithm>
#include <limits>

namespace swingrad {

// q^, k^, v and what comes back to them, [N, Dp], and one tile. A tile of scores is stored [key j][query i].
template <class T>
class SequentialHead {
    using W = acc_type<T>;

  public:
    static constexpr int64_t tile_size = 64;  // queries and keys of a tile: four float matrices of 16 KB

    explicit SequentialHead(const AttentionProblem<T>& problem) : problem_(problem), N(problem.N), Dp(problem.Dp) {
        const int64_t vectors = padded(N) * Dp, tile = tile_size * tile_size;
        memory_ = Tensor::zeros({9 * vectors + 4 * tile + 2 * Dp * tile_size + 8 * padded(N)}, dtype_of<W>());
        W* next = memory_.data<W>();
        for (W** array : {&q, &k, &v, &o, &dq, &dk, &dv, &tile_result, &do_}) *array = next, next += vectors;
        for (W** array : {&product, &P, &dP, &dproduct}) *array = next, next += tile;
        for (W** array : {&q_t, &do_t}) *array = next, next += Dp * tile_size;
        for (W** array : {&q_factor, &k_factor, &q_along, &k_along, &q_dot, &k_dot, &logsumexp, &delta})
            *array = next, next += padded(N);
    }

    void load(int64_t window, int64_t head) {
        window_ = window, head_ = head;
        problem_.rows_of(window, rows);
        problem_.load(rows, head, q, k, v);
        problem_.scale_queries(padded(N), q, q_factor, q_along);
        problem_.scale_keys(padded(N), k, k_factor, k_along);
    }

    // Fills o and logsumexp.
    void forward() {
        for (int64_t i0 = 0; i0 < N; i0 += tile_size) {
            const int64_t queries = std::min(tile_size, N - i0);
            W m[tile_size], l[tile_size] = {};
            std::fill_n(m, tile_size, -std::numeric_limits<W>::infinity());
            std::fill_n(o + i0 * Dp, queries * Dp, W(0));
            transpose(q + i0 * Dp, queries, q_t);
            for (int64_t j0 = 0; j0 < keys_of(i0, queries); j0 += tile_size) {
                const int64_t keys = std::min(tile_size, N - j0);
                scores(i0, queries, j0, keys);
                for (int64_t i = 0; i < queries; ++i) take_keys(i, keys, m[i], l[i], o + (i0 + i) * Dp);
                add_product(queries, keys, P, int64_t{1}, tile_size, v + j0 * Dp, o + i0 * Dp);
            }
            for (int64_t i = 0; i < queries; ++i) {
                for (int64_t d = 0; d < Dp; ++d) o[(i0 + i) * Dp + d] /= l[i];
                logsumexp[i0 + i] = m[i] + std::log(l[i]);
            }
        }
    }

    // From q, k, v, do_ (the gradient of o), logsumexp and delta (do_i . y_i): dq, dk, dv, and what is added to
    // dbias_table and dlogit_scale.
    void backward(W* dbias_table, W& dlogit_scale) {
        for (W* sums : {dq, dk, dv}) std::fill_n(sums, N * Dp, W(0));
        for (W* sums : {q_dot, k_dot}) std::fill_n(sums, N, W(0));
        for (int64_t i0 = 0; i0 < N; i0 += tile_size) {
            const int64_t queries = std::min(tile_size, N - i0);
            transpose(q + i0 * Dp, queries, q_t);
            transpose(do_ + i0 * Dp, queries, do_t);
            for (int64_t j0 = 0; j0 < keys_of(i0, queries); j0 += tile_size) {
                const int64_t keys = std::min(tile_size, N - j0);
                scores(i0, queries, j0, keys);
                small_product(keys, tile_size, problem_.D, v + j0 * Dp, Dp, int64_t{1}, do_t, tile_size, dP, tile_size);
                softmax_backward(i0, queries, j0, keys, dbias_table, dlogit_scale);
                // forward: o_i = sum_j P_ij v_j and product_ij = q^_i . k^_j, so:
                add_product(keys, queries, P, tile_size, int64_t{1}, do_ + i0 * Dp, dv + j0 * Dp);
                add_product(keys, queries, dproduct, tile_size, int64_t{1}, q + i0 * Dp, dk + j0 * Dp);
                add_product(queries, keys, dproduct, int64_t{1}, tile_size, k + j0 * Dp, dq + i0 * Dp);
            }
        }
        for (int64_t t = 0; t < N; ++t)
            for (int64_t d = 0; d < problem_.D; ++d) {
                dq[t * Dp + d] = q_factor[t] * (dq[t * Dp + d] - q_along[t] * q_dot[t] * q[t * Dp + d]);
                dk[t * Dp + d] = k_factor[t] * (dk[t * Dp + d] - k_along[t] * k_dot[t] * k[t * Dp + d]);
            }
    }

  private:
    static int64_t padded(int64_t tokens) { return (tokens + tile_size - 1) / tile_size * tile_size; }

    // How many keys the last of a tile's queries sees. So no tile is made of which no query sees a key.
    int64_t keys_of(int64_t i0, int64_t queries) const { return problem_.op.keys_of(i0 + queries - 1); }

    void transpose(const W* from, int64_t tokens, W* to) const {
        for (int64_t t = 0; t < tokens; ++t)
            for (int64_t d = 0; d < problem_.D; ++d) to[d * tile_size + t] = from[t * Dp + d];
    }

    // product and S (in P) of a tile, [keys][queries], from k and q_t.
    void scores(int64_t i0, int64_t queries, int64_t j0, int64_t keys) {
        small_product(keys, tile_size, problem_.D, k + j0 * Dp, Dp, int64_t{1}, q_t, tile_size, product, tile_size);
        const W scale = problem_.scale(head_);
        const int32_t* mask = problem_.mask_of(window_);
        for (int64_t j = 0; j < keys; ++j)
            for (int64_t i = 0; i < queries; ++i) {
                W S = scale * product[j * tile_size + i];
                if (problem_.op.bias_table)
                    S += problem_.op.bias_table[problem_.op.relative_index(i0 + i, j0 + j) * problem_.heads + head_];
                if (mask && mask[i0 + i] != mask[j0 + j]) S -= 100;
                P[j * tile_size + i] = S;
            }
        if (problem_.op.causal && i0 == j0)  // the queries before a key, which do not see it
            for (int64_t j = 0; j < keys; ++j) std::fill_n(P + j * tile_size, j, -std::numeric_limits<W>::infinity());
    }

    // The online softmax of the tile's query i goes on by this tile's keys: S in P becomes e^(S - m).
    void take_keys(int64_t i, int64_t keys, W& m, W& l, W* o_i) {
        W largest = m, sum = 0;
        for (int64_t j = 0; j < keys; ++j) largest = std::max(largest, P[j * tile_size + i]);
        for (int64_t j = 0; j < keys; ++j) {
            P[j * tile_size + i] = fast_exp(P[j * tile_size + i] - largest);
            sum += P[j * tile_size + i];
        }
        const W f = fast_exp(m - largest);
        l = f * l + sum;
        m = largest;
        for (int64_t d = 0; d < Dp; ++d) o_i[d] *= f;
    }

    // From S (in P) and dP: P, dproduct, and their sums.
    void softmax_backward(int64_t i0, int64_t queries, int64_t j0, int64_t keys, W* dbias_table, W& dlogit_scale) {
        const W scale = problem_.scale(head_);
        for (int64_t j = 0; j < keys; ++j)
            for (int64_t i = 0; i < queries; ++i) {
                const int64_t at = j * tile_size + i;
                P[at] = fast_exp(P[at] - logsumexp[i0 + i]);
                const W dS = P[at] * (dP[at] - delta[i0 + i]);
                dbias_table[problem_.op.relative_index(i0 + i, j0 + j) * problem_.heads + head_] += dS;
                dproduct[at] = scale * dS;
                const W along = dproduct[at] * product[at];
                q_dot[i0 + i] += along;
                k_dot[j0 + j] += along;
                dlogit_scale += along;
            }
    }

    // sum [rows, Dp] += A B, A addressed by strides.
    void add_product(int64_t rows, int64_t terms, const W* a, int64_t a_row, int64_t a_k, const W* b, W* sum) {
        small_product(rows, Dp, terms, a, a_row, a_k, b, Dp, tile_result, Dp);
        for (int64_t at = 0; at < rows * Dp; ++at) sum[at] += tile_result[at];
    }

    const AttentionProblem<T>& problem_;
    Tensor memory_;
    int64_t window_ = 0, head_ = 0;

  public:
    const int64_t N, Dp;
    std::vector<int64_t> rows;  // of the map, that the window's tokens read; below 0 for padding
    W *q, *k, *v, *o, *do_, *dq, *dk, *dv, *tile_result;  // [N, Dp]
    W *product, *P, *dP, *dproduct;                       // [tile_size keys, tile_size queries]
    W *q_t, *do_t;                                        // [Dp, tile_size queries]
    W *q_factor, *k_factor, *q_along, *k_along, *q_dot, *k_dot, *logsumexp, *delta;  // [N]
};

}  // namespace swingrad

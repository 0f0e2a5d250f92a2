// Backward of one head of one attention window: what the fast backward of window_attention and of multi_head_attention
// is made of. Formulas: window_attention.cpp; layout and speed: attention_head_fast.h.
#pragma once

#include "ops/attention/attention_head_fast.h"

#include <algorithm>

namespace swingrad {

// What one group of windows adds up.
template <class W>
struct AttentionSums {
    W* dbias;         // as position_bias_by_key: [h, N keys, L queries]
    W* dlogit_scale;  // [h]
    W* dpadding;      // [3C]; may be null where no row is padding
};

namespace detail {

// The result (of what arrived at v, or at q^ or k^) as third `part` of a window's dqkv: v's as it is, those of q and k
// less their part along q^ or k^, times the factor that made these.
template <class T>
void put(const AttentionProblem<T>& problem, const AttentionHead<T>& s, int64_t head, int part,
         const acc_type<T>* scaled, const acc_type<T>* along, const acc_type<T>* factor, T* dqkv,
         acc_type<T>* dpadding) {
    const int64_t D = problem.D, column = part * problem.C + head * D;
    for (int64_t t = 0; t < s.N; ++t) {
        acc_type<T>* gradient = s.result + t * s.Dp;
        if (scaled)
#pragma omp simd
            for (int64_t d = 0; d < s.Dp; ++d)
                gradient[d] = factor[t] * (gradient[d] - along[t] * scaled[t * s.Dp + d]);
        if (const int64_t row = s.rows[static_cast<size_t>(t)]; row >= 0)
            narrow_row(D, gradient, dqkv + row * 3 * problem.C + column);
        else
            for (int64_t d = 0; d < D; ++d) dpadding[column + d] += gradient[d];
    }
}

// From P and dP: dS into the bias's sum, dproduct, and sum dproduct prod for every query and every key. Overwrites dP.
template <class T>
void softmax_backward(AttentionHead<T>& s, acc_type<T> scale, acc_type<T>* dbias, acc_type<T>& dlogit_scale) {
    using W = acc_type<T>;
    for (int64_t first = 0; first < s.L; first += lanes<W>) {  // a vector of queries at a time
        const int64_t keys = s.block_end(first);
        Vector<W> P, dP, product, sum, delta = {}, q_dot = {}, q_along;
        for (int64_t j = 0; j < keys; ++j) {
            load_vector(P, s.P + j * s.L + first);
            load_vector(dP, s.dP + j * s.L + first);
            delta += P * dP;
        }
        for (int64_t j = 0; j < keys; ++j) {
            const int64_t at = j * s.L + first;
            load_vector(P, s.P + at);
            load_vector(dP, s.dP + at);
            load_vector(product, s.product + at);
            load_vector(sum, dbias + at);
            // forward: P = softmax(S), S = scale product + bias, so:
            const Vector<W> dS = P * (dP - delta), dproduct = scale * dS, along = dproduct * product;
            q_dot += along;
            store_vector(Vector<W>(sum + dS), dbias + at);
            store_vector(dproduct, s.dproduct + at);
            store_vector(along, s.dP + at);
        }
        load_vector(q_along, s.q_along + first);
        store_vector(Vector<W>(q_along * q_dot), s.q_along + first);
    }
    for (int64_t j0 = 0; j0 < s.L; j0 += s.block)
        sum_rows(std::min(s.block, s.L - j0), s.L - j0, s.dP + j0 * s.L + j0, s.L, s.k_dot + j0);
    W total = 0;
    for (int64_t j = 0; j < s.N; ++j) {
        total += s.k_dot[j];  // scale dS prod, summed: the gradient of logit_scale
        s.k_along[j] *= s.k_dot[j];
    }
    dlogit_scale += total;
}

}  // namespace detail

// One head of the window that s has entered: dy [.., C], in rows as qkv's, gives dqkv [.., 3C] and what is added to the
// sums. `o`, [.., C], gets forward's result once more; may be null.
template <class T>
void attend_backward(const AttentionProblem<T>& problem, AttentionHead<T>& s, int64_t head, const T* dy, T* o, T* dqkv,
                     const AttentionSums<acc_type<T>>& sums) {
    const int64_t D = problem.D;
    s.attend(head);
    if (o) s.weigh_values(head, o);
    for (int64_t t = 0; t < s.N; ++t) {  // do; nothing arrives at padding, whose result was dropped
        const int64_t row = s.rows[static_cast<size_t>(t)];
        if (row >= 0) widen_row(D, dy + row * problem.C + head * D, s.o + t * s.Dp);
        else std::fill_n(s.o + t * s.Dp, D, 0);
    }
    s.transpose(s.o, s.do_t);
    // forward: o_i = sum_j P_ij v_j, so dP_ij = do_i . v_j and dv_j = sum_i P_ij do_i:
    s.products_of_pairs(s.v, s.do_t, s.dP);
    s.sum_over_queries(s.P, s.o, s.result);
    detail::put<T>(problem, s, head, 2, nullptr, nullptr, nullptr, dqkv, sums.dpadding);
    detail::softmax_backward(s, problem.scale(head), sums.dbias + head * s.N * s.L, sums.dlogit_scale[head]);
    // forward: product_ij = q^_i . k^_j, so dk^_j = sum_i dproduct_ij q^_i and dq^_i = sum_j dproduct_ij k^_j:
    s.sum_over_queries(s.dproduct, s.q, s.result);
    detail::put<T>(problem, s, head, 1, s.k, s.k_along, s.k_factor, dqkv, sums.dpadding);
    s.sum_over_keys(s.dproduct, s.k, s.result);
    detail::put<T>(problem, s, head, 0, s.q, s.q_along, s.q_factor, dqkv, sums.dpadding);
}

// From the sums over all windows: dbias_table [R, h], zeros before, and dlogit_scale, 0 where the clamp was reached.
// Both may be null.
template <class T>
void finish_score_gradients(const AttentionProblem<T>& problem, const acc_type<T>* dbias, acc_type<T>* dlogit_scale,
                            acc_type<T>* dbias_table) {
    const int64_t N = problem.N, L = padded_to_lanes<acc_type<T>>(N), heads = problem.heads;
    for (int64_t head = 0; head < heads; ++head) {
        if (dlogit_scale && problem.scale_is_clamped(head)) dlogit_scale[head] = 0;
        if (!dbias_table) continue;
        // forward: a pair's bias is the table's row of its relative position, so a row gets what all such pairs get:
        for (int64_t j = 0; j < N; ++j)
            for (int64_t i = 0; i < N; ++i)
                dbias_table[problem.op.relative_index(i, j) * heads + head] += dbias[(head * N + j) * L + i];
    }
}

}  // namespace swingrad

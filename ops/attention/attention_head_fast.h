// One head of one attention window: scratch memory, and the steps that the fast forward of window_attention and of
// multi_head_attention are made of; backward's are in attention_head_backward_fast.h. Formulas: window_attention.cpp.
//
// What makes it fast: matrices of a window and head are stored [key j][query i], so that a vector register holds one
// key and as many queries as it has lanes, and a softmax's sums over keys are sums of registers. L is N, the tokens of
// a window, rounded up to whole vectors; what lies beyond N is zero in what is loaded and is not read from what is
// computed.
//
// Causal: these matrices are triangles, i >= j. They are made and read by blocks of as many keys as queries: of the
// blocks that hold no i >= j nothing is written or read, and on the diagonal P is 0 where i < j. Not causal: one block.
#pragma once

#include "core/scalar.h"
#include "core/threads.h"
#include "ops/attention/attention_problem_fast.h"

#include <limits>

namespace swingrad {

template <class T>
class AttentionHead {
    using W = acc_type<T>;

  public:
    // `bias` is position_bias_by_key's.
    AttentionHead(const AttentionProblem<T>& problem, const W* bias)
        : problem_(problem),
          bias_(bias),
          N(problem.N),
          L(padded_to_lanes<W>(problem.N)),
          Dp(problem.Dp),
          block(problem.op.causal ? causal_block : L) {
        const int64_t vectors = L * Dp, matrices = L * L;
        const Shape numbers{7 * vectors + 4 * matrices + 5 * L};
        const bool whole = L == N && Dp == problem.D;  // no padding: every number is written before it is read
        memory_ = whole ? Tensor::empty(numbers, dtype_of<W>()) : Tensor::zeros(numbers, dtype_of<W>());
        W* next = memory_.data<W>();
        for (W** array : {&q, &k, &v, &o, &result, &q_t, &do_t}) *array = next, next += vectors;
        for (W** array : {&product, &P, &dP, &dproduct}) *array = next, next += matrices;
        for (W** array : {&q_factor, &k_factor, &q_along, &k_along, &k_dot}) *array = next, next += L;
    }

    // Before the first head of a window.
    void enter(int64_t window) {
        window_ = window;
        problem_.rows_of(window, rows);
        if (problem_.op.source && window + 1 < problem_.windows()) problem_.rows_of(window + 1, next_rows_);
        else next_rows_.clear();
    }

    // Fills q, k, v, product and P from the inputs.
    void attend(int64_t head) {
        problem_.load(rows, head, q, k, v);
        if (head + 1 < problem_.heads) problem_.prefetch(rows, head + 1);
        else problem_.prefetch(next_rows_, 0);
        problem_.scale_queries(L, q, q_factor, q_along);
        problem_.scale_keys(L, k, k_factor, k_along);
        transpose(q, q_t);
        products_of_pairs(k, q_t, product);  // q^_i . k^_j at [j][i]
        softmax_over_keys(head);
    }

    // After attend, fills o from P and v, and writes it to the rows of y, [.., C], that the window's tokens have.
    void weigh_values(int64_t head, T* y) {
        sum_over_keys(P, v, o);  // o_i = sum_j P_ij v_j
        for (int64_t t = 0; t < N; ++t)
            if (const int64_t row = rows[static_cast<size_t>(t)]; row >= 0)
                narrow_row(problem_.D, o + t * Dp, y + row * problem_.C + head * problem_.D);
    }

    // The matrix of a_j . b_i at [j][i], from rows a and columns b_t.
    void products_of_pairs(const W* a, const W* b_t, W* matrix) const {
        for (int64_t j0 = 0; j0 < N; j0 += block)
            small_product(block_end(j0) - j0, L - j0, problem_.D, a + j0 * Dp, Dp, int64_t{1}, b_t + j0, L,
                          matrix + j0 * L + j0, L);
    }
    // Of a matrix and rows a: sum_j matrix_ij a_j for each query i, and sum_i matrix_ij a_i for each key j.
    void sum_over_keys(const W* matrix, const W* a, W* sums) const {
        for (int64_t i0 = 0; i0 < N; i0 += block)
            small_product(block_end(i0) - i0, Dp, block_end(i0), matrix + i0, int64_t{1}, L, a, Dp, sums + i0 * Dp, Dp);
    }
    void sum_over_queries(const W* matrix, const W* a, W* sums) const {
        for (int64_t j0 = 0; j0 < N; j0 += block)
            small_product(block_end(j0) - j0, Dp, N - j0, matrix + j0 * L + j0, L, int64_t{1}, a + j0 * Dp, Dp,
                          sums + j0 * Dp, Dp);
    }
    // Where the block ends that token t is in. So far go the keys that the queries of the block see.
    int64_t block_end(int64_t t) const { return std::min(t - t % block + block, N); }

    // Rows [L, Dp] with lanes for d into [Dp, L] with lanes for tokens.
    void transpose(const W* from, W* to) const {
        for (int64_t t = 0; t < L; t += lane_count)
            for (int64_t d = 0; d < Dp; d += lane_count) transpose_square(from + t * Dp + d, Dp, to + d * L + t, L);
    }

  private:
    static constexpr int64_t lane_count = lanes<W>, causal_block = 16;
    static_assert(causal_block % lane_count == 0);

    void softmax_over_keys(int64_t head) {
        const W scale = problem_.scale(head);
        const W* bias = bias_ + head * N * L;
        const int32_t* mask = problem_.mask_of(window_);
        for (int64_t first = 0; first < L; first += lane_count) {  // a vector of queries at a time
            const int64_t keys = block_end(first);
            W query_mask[lane_count] = {};
            if (mask)
                for (int64_t i = 0; i < std::min(lane_count, N - first); ++i)
                    query_mask[i] = static_cast<W>(mask[first + i]);
            Vector<W> S, added, mask_i, largest = Vector<W>{} - std::numeric_limits<W>::infinity();
            load_vector(mask_i, query_mask);
            for (int64_t j = 0; j < keys; ++j) {
                load_vector(S, product + j * L + first);
                load_vector(added, bias + j * L + first);
                S = scale * S + added;
                if (mask) S = mask_i == static_cast<W>(mask[j]) ? S : S - W(100);
                largest = S > largest ? S : largest;
                store_vector(S, P + j * L + first);
            }
            Vector<W> sum = {}, P_j;
            for (int64_t j = 0; j < keys; ++j) {
                load_vector(S, P + j * L + first);
                P_j = fast_exp(Vector<W>(S - largest));
                store_vector(P_j, P + j * L + first);
                sum += P_j;
            }
            const Vector<W> factor = W(1) / sum;
            for (int64_t j = 0; j < keys; ++j) {
                load_vector(P_j, P + j * L + first);
                P_j *= factor;
                store_vector(P_j, P + j * L + first);
            }
        }
    }

    const AttentionProblem<T>& problem_;
    const W* bias_;
    Tensor memory_;
    int64_t window_ = 0;
    std::vector<int64_t> next_rows_;  // of the window after it

  public:
    std::vector<int64_t> rows;  // of qkv, that the window's tokens read; below 0: padding
    const int64_t N, L, Dp;
    const int64_t block;             // keys and queries of a block of a matrix
    W *q, *k, *v, *o, *result;       // [L, Dp]; q and k are q^ and k^; o is do in backward, result one of dq, dk, dv
    W *product, *P, *dP, *dproduct;  // [L keys, L queries]; product is q^ . k^
    W *q_t, *do_t;                   // [Dp, L queries]
    W *q_factor, *k_factor;          // [L]: what q and k were multiplied by
    W *q_along, *k_along, *k_dot;    // [L]: q^ . dq^ and k^ . dk^, or 0 where not taken away
};

// How many numbers a position bias by key has.
template <class T>
int64_t bias_by_key_count(const AttentionProblem<T>& problem) {
    return problem.heads * problem.N * padded_to_lanes<acc_type<T>>(problem.N);
}
// bias_table [R, h] as [h, N keys, L queries], padded with zeros; all zeros where it is null; and the causal mask,
// -infinity where a query does not see the key. Small beside qkv in any but tiny batches, and it makes the softmax read
// whole vectors.
template <class T>
Tensor position_bias_by_key(const AttentionProblem<T>& problem) {
    using W = acc_type<T>;
    const int64_t N = problem.N, L = padded_to_lanes<W>(N), heads = problem.heads;
    Tensor bias = Tensor::zeros({heads, N, L}, dtype_of<W>());
    if (!problem.op.bias_table && !problem.op.causal) return bias;
    for (int64_t head = 0; head < heads; ++head)
        for (int64_t j = 0; j < N; ++j) {
            W* const of_key = bias.data<W>() + (head * N + j) * L;
            for (int64_t i = 0; i < N && problem.op.bias_table; ++i)
                of_key[i] = problem.op.bias_table[problem.op.relative_index(i, j) * heads + head];
            std::fill_n(of_key, problem.op.first_query_of(j), -std::numeric_limits<W>::infinity());
        }
    return bias;
}

// Forward of `begin` to `end` of all pairs of window and head, the heads of a window one after the other: y [.., C] in
// the rows of qkv.
template <class T>
void attend_pairs(const AttentionProblem<T>& problem, const acc_type<T>* bias, int64_t begin, int64_t end, T* y) {
    AttentionHead<T> s(problem, bias);
    for (int64_t pair = begin; pair < end; ++pair) {
        const int64_t head = pair % problem.heads;
        if (pair == begin || head == 0) s.enter(pair / problem.heads);
        s.attend(head);
        s.weigh_values(head, y);
    }
}
// The same of all pairs, on all threads.
template <class T>
void attend_all(const AttentionProblem<T>& problem, const acc_type<T>* bias, T* y) {
    constexpr int64_t windows_a_piece = 8, least_pieces = 16;
    const int64_t pairs = problem.windows() * problem.heads;
    parallel_chunks(pairs, std::clamp<int64_t>(pairs / least_pieces, 1, windows_a_piece * problem.heads),
                    [&](int64_t begin, int64_t end) { attend_pairs(problem, bias, begin, end, y); });
}

}  // namespace swingrad

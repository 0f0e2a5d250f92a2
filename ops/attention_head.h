// One head of one attention window: scratch memory, and the steps that forward and backward of cosine_attention share.
// Formulas and layout: ops/cosine_attention.cpp.
#pragma once

#include "core/scalar.h"
#include "core/simd.h"
#include "core/tensor.h"
#include "ops/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swingrad {

// Sizes and addresses that every window shares.
template <class T>
struct AttentionProblem {
    const WindowTable& table;
    int64_t images, C, heads, D;  // D = C / heads
    int64_t L, Dp;                // tokens of a window and D, rounded up to whole vectors
    const T *qkv, *padding, *logit_scale;
    const T* bias;  // [h][key][L queries]: the bias transposed, padded with zeros

    int64_t windows() const { return images * table.windows; }
    // Row of the map that token t of window w reads, counted over all images; -1 for padding.
    int64_t row_of(int64_t w, int64_t t) const {
        const int32_t source = table.source[static_cast<size_t>(w % table.windows * table.tokens + t)];
        return source < 0 ? -1 : w / table.windows * table.map.rows * table.map.columns + source;
    }
    const T* qkv_of(int64_t row) const { return row < 0 ? padding : qkv + row * 3 * C; }
    T scale(int64_t head) const { return std::exp(std::min(logit_scale[head], static_cast<T>(std::log(100.0)))); }
};

// Scratch memory for one head of one window, and the steps that forward and backward share.
template <class T>
class AttentionHead {
  public:
    explicit AttentionHead(const AttentionProblem<T>& problem)
        : problem_(problem), N(problem.table.tokens), L(problem.L), Dp(problem.Dp) {
        const int64_t vectors = N * Dp, matrices = N * L, transposes = Dp * L;
        memory_ = Tensor::zeros({5 * vectors + 4 * matrices + 2 * transposes + 5 * L}, dtype_of<T>());
        T* next = memory_.data<T>();
        for (T** array : {&q, &k, &v, &o, &result}) *array = next, next += vectors;
        for (T** array : {&cosine, &P, &dP, &dcos}) *array = next, next += matrices;
        for (T** array : {&q_t, &do_t}) *array = next, next += transposes;
        for (T** array : {&q_inverse, &k_inverse, &q_along, &k_along, &k_dot}) *array = next, next += L;
    }

    // Fills q, k, v, cosine and P from the inputs.
    void attend(int64_t window, int64_t head) {
        const int64_t D = problem_.D, C = problem_.C;
        for (int64_t t = 0; t < N; ++t) {
            const T* token = problem_.qkv_of(problem_.row_of(window, t)) + head * D;
            q_inverse[t] = normalise(token, q + t * Dp, q_along[t]);
            k_inverse[t] = normalise(token + C, k + t * Dp, k_along[t]);
            std::copy_n(token + 2 * C, D, v + t * Dp);
        }
        transpose(q, q_t);
        small_product(N, L, D, k, Dp, int64_t{1}, q_t, L, cosine, L);  // cos_ij at [j][i]
        softmax_over_keys(window, head);
    }

    // Rows [N, Dp] with lanes for d into [D, L] with lanes for tokens. Padding stays the zero it was made as.
    void transpose(const T* from, T* to) const {
        for (int64_t t = 0; t < N; ++t)
            for (int64_t d = 0; d < problem_.D; ++d) to[d * L + t] = from[t * Dp + d];
    }

  private:
    static constexpr int64_t W = lanes<T>;
    static constexpr double norm_eps = 1e-12;

    // u / max(|u|, eps). Returns the factor 1 / max(|u|, eps); along is 0 where eps took over, else 1.
    T normalise(const T* u, T* normalised, T& along) const {
        T square = 0;
#pragma omp simd reduction(+ : square)
        for (int64_t d = 0; d < problem_.D; ++d) square += u[d] * u[d];
        const double norm = std::sqrt(static_cast<double>(square));
        const T inverse = static_cast<T>(1 / std::max(norm, norm_eps));
        for (int64_t d = 0; d < problem_.D; ++d) normalised[d] = u[d] * inverse;
        along = norm < norm_eps ? T(0) : T(1);
        return inverse;
    }

    void softmax_over_keys(int64_t window, int64_t head) {
        const T scale = problem_.scale(head);
        const T* bias = problem_.bias + head * N * L;
        const auto& regions = problem_.table.region;
        const int32_t* region = regions.empty() ? nullptr : regions.data() + window % problem_.table.windows * N;
        for (int64_t first = 0; first < L; first += W) {  // a vector of queries at a time
            T largest[W], sum[W] = {};
            int32_t query_region[W] = {};
            std::fill_n(largest, W, -std::numeric_limits<T>::infinity());
            if (region) std::copy_n(region + first, std::min(W, N - first), query_region);
            for (int64_t j = 0; j < N; ++j) {
                const T* cos_j = cosine + j * L + first;
                T* S_j = P + j * L + first;
                const int32_t key_region = region ? region[j] : 0;
                for (int64_t i = 0; i < W; ++i) {
                    const T mask = query_region[i] == key_region ? T(0) : T(-100);
                    S_j[i] = scale * cos_j[i] + bias[j * L + first + i] + mask;
                    largest[i] = std::max(largest[i], S_j[i]);
                }
            }
            for (int64_t j = 0; j < N; ++j) {
                T* P_j = P + j * L + first;
                for (int64_t i = 0; i < W; ++i) {
                    P_j[i] = fast_exp(P_j[i] - largest[i]);
                    sum[i] += P_j[i];
                }
            }
            for (int64_t i = 0; i < W; ++i) sum[i] = 1 / sum[i];
            for (int64_t j = 0; j < N; ++j)
                for (int64_t i = 0; i < W; ++i) P[j * L + first + i] *= sum[i];
        }
    }

    const AttentionProblem<T>& problem_;
    Tensor memory_;

  public:
    const int64_t N, L, Dp;
    T *q, *k, *v, *o, *result;     // [N, Dp]; q and k normalised; o is do in backward, result one of dq, dk, dv
    T *cosine, *P, *dP, *dcos;     // [N keys, L queries]
    T *q_t, *do_t;                 // [Dp, L queries]
    T *q_inverse, *k_inverse;      // [L]: 1 / max(|.|, eps)
    T *q_along, *k_along, *k_dot;  // [L]: how much of dq^ lies along q^, which normalising takes away
};

}  // namespace swingrad

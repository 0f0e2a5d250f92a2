// How the fast paths of attention read their arguments: rows of a head's q, k and v as whole vectors, asked for before
// they are needed, and scaled for their product. Formulas: ops/attention/window_attention.cpp.
#pragma once

#include "core/gemm/small_product.h"
#include "core/tensor.h"
#include "cuda/attention/window_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swingrad {

template <class T>
struct AttentionProblem {
    using W = acc_type<T>;
    const WindowAttentionOp<T>& op;
    const int64_t first_window;  // where op.source is null: the window whose tokens op.qkv begins with
    const int64_t N, C, heads, D;
    const int64_t Dp;  // D rounded up to whole vectors

    explicit AttentionProblem(const WindowAttentionOp<T>& of, int64_t first = 0)
        : op(of), first_window(first), N(op.N), C(op.C), heads(op.heads), D(op.D), Dp(padded_to_lanes<W>(D)) {}

    int64_t windows() const { return op.images * op.windows; }
    // For each token of window w the row of qkv that it reads; below 0 for padding.
    void rows_of(int64_t w, std::vector<int64_t>& rows) const {
        rows.clear();
        for (int64_t t = 0; t < N; ++t) rows.push_back(op.row_of(w - first_window, t));
    }
    // Calls body(token) with the 3C numbers of a row of qkv, or of padding.
    template <class Body>
    void with_token(int64_t row, const Body& body) const {
        if (row < 0) body(op.padding);
        else body(op.qkv + row * 3 * C);
    }
    // The mask of a window's tokens, null where all see each other.
    const int32_t* mask_of(int64_t w) const { return op.mask ? op.mask + w % op.windows * N : nullptr; }

    bool cosine() const { return op.logit_scale != nullptr; }
    W scale(int64_t head) const {
        return cosine() ? std::exp(std::min(op.logit_scale[head], static_cast<W>(std::log(100.0)))) : W(1);
    }
    // forward: scale = exp(min(logit_scale, ln 100)), so above the bound nothing comes back
    bool scale_is_clamped(int64_t head) const { return static_cast<double>(op.logit_scale[head]) > std::log(100.0); }

    // q, k and v of a head and a window's tokens, [tokens, Dp] each; what is beside the D numbers stays as it is.
    void load(const std::vector<int64_t>& rows, int64_t head, W* q, W* k, W* v) const {
        for (int64_t t = 0; t < N; ++t)
            with_token(rows[static_cast<size_t>(t)], [&](const auto* token) {
                widen_row(D, token + head * D, q + t * Dp);
                widen_row(D, token + C + head * D, k + t * Dp);
                widen_row(D, token + 2 * C + head * D, v + t * Dp);
            });
    }
    // Asks for what a later load will read. The rows of a window lie too far apart for the processor to guess, so while
    // one window is computed the next one's are on their way.
    void prefetch(const std::vector<int64_t>& rows, int64_t head) const {
        constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
        for (const int64_t row : rows)
            if (row >= 0)
                for (int64_t part = 0; part < 3; ++part)
                    for (int64_t d = 0; d < D; d += line)
                        __builtin_prefetch(op.qkv + (row * 3 + part) * C + head * D + d);
    }

    // The factors of a score, q^ . k^, from q and k: `count` rows of Dp numbers, both whole vectors, padded with zeros.
    // Each row is multiplied by its factor:
    //   cosine   1 / max(|u|, eps)                 `along` is 1, but 0 where eps took over
    //   dot      1 / sqrt(D) for q, 1 for k        `along` is 0
    // `along`: 1 where the part of u^'s gradient along u^ has to be taken away, because making u longer changes
    // nothing.
    void scale_queries(int64_t count, W* rows, W* factor, W* along) const {
        scale_rows(count, rows, factor, along, W(1) / std::sqrt(static_cast<W>(D)));
    }
    void scale_keys(int64_t count, W* rows, W* factor, W* along) const { scale_rows(count, rows, factor, along, W(1)); }

  private:
    void scale_rows(int64_t count, W* rows, W* factor, W* along, W dot_factor) const {
        if (cosine()) {
            constexpr W eps = W(1e-12);
            sum_rows<true>(count, Dp, rows, Dp, factor);
            for (int64_t t = 0; t < count; ++t) {
                const W norm = std::sqrt(factor[t]);
                factor[t] = 1 / (norm < eps ? eps : norm);
                along[t] = norm < eps ? W(0) : W(1);
            }
        } else {
            std::fill_n(factor, count, dot_factor);
            std::fill_n(along, count, W(0));
        }
        for (int64_t t = 0; t < count; ++t)
#pragma omp simd
            for (int64_t d = 0; d < Dp; ++d) rows[t * Dp + d] *= factor[t];
    }
};

}  // namespace swingrad

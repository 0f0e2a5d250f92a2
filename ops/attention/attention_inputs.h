// What an attention operation is given, and its sizes and addresses: shared by window_attention.cpp,
// multi_head_attention.cpp and sequential_attention.cpp.
#pragma once

#include "autograd/tape.h"
#include "core/gemm/small_product.h"
#include "ops/window.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

namespace swingrad {

struct AttentionInputs {
    Tensor qkv;          // [B, H, W, 3C]
    Tensor padding;      // [3C]: q, k and v of a padded token; may be undefined where there is none
    Tensor logit_scale;  // [h, 1, 1]: cosine attention; undefined: dot attention
    Tensor table;        // [R, h]: position bias by offset; undefined: none
    int64_t heads = 0;
    WindowMap map;

    // Throws an Error in the name of `op` unless everything fits.
    void check(std::string_view op) const;

    // As inputs of a node. Dot attention's has no logit_scale.
    std::vector<Tensor> tensors() const;
    std::vector<Saved> saved() const {
        return {{"qkv", qkv}, {"padding", padding}, {"logit_scale", logit_scale}, {"table", table}};
    }
    // The same for a node to keep.
    AttentionInputs detached() const {
        return {qkv.detached(), padding.detached(), logit_scale.detached(), table.detached(), heads, map};
    }
    Shape output_shape() const { return qkv.shape().with(3, qkv.shape()[3] / 3); }
    Shape log_sums_shape() const { return qkv.shape().with(3, heads); }
};

// q, k and v of a padded token, a vector of zeros in x [B, H, W, C]: the bias [3C] that every token's get, or zeros.
// Undefined where no window has padding.
Tensor padding_of(const Tensor& x, const Tensor& qkv_bias, const WindowTable& map);

// Throws an Error in the name of `op` unless C channels and what scores are made with fit.
void check_scores(std::string_view op, int64_t C, int64_t heads, const Tensor& logit_scale, const Tensor& table,
                  const WindowTable& map);

// Gradients of the tensors above, zero where nothing arrives; those of undefined tensors are there too, and nobody's.
struct AttentionGradients {
    Tensor qkv, padding, logit_scale, table;

    explicit AttentionGradients(const AttentionInputs& inputs);
    // In the order of AttentionInputs::tensors().
    std::vector<Tensor> of(const AttentionInputs& inputs) const;
};

// Both kinds of attention, of one window at once or tile by tile, are one kernel on a device
// (cuda/attention/window_attention.cu). Fills y and log_sums, of output_shape() and log_sums_shape(), which it needs again in
// backward.
void attend_on_device(std::string_view op, const AttentionInputs& inputs, const Tensor& y, const Tensor& log_sums);
void attend_backward_on_device(std::string_view op, const AttentionInputs& inputs, const Tensor& y,
                               const Tensor& log_sums, const Tensor& dy, const AttentionGradients& gradients);

// The inputs as numbers and addresses. T is what qkv holds; everything else is W.
template <class T>
struct AttentionProblem {
    using W = acc_type<T>;
    const WindowTable& window;
    int64_t images, C, heads, D;  // D = C / heads
    int64_t Dp;                   // D rounded up to whole vectors
    const T* qkv;
    const W *padding, *logit_scale, *table;  // all may be null

    // qkv holds a map of tokens as images have them, or, `in_windows`, the tokens of one window after the other from
    // window `first_window` on, padding too.
    bool in_windows = false;
    int64_t first_window = 0;

    AttentionProblem(const WindowTable& table_of_windows, int64_t images_, int64_t C_, int64_t heads_, const T* qkv_,
                     const W* padding_, const W* logit_scale_, const W* table_)
        : window(table_of_windows),
          images(images_),
          C(C_),
          heads(heads_),
          D(C / heads),
          Dp(padded_to_lanes<W>(D)),
          qkv(qkv_),
          padding(padding_),
          logit_scale(logit_scale_),
          table(table_) {}
    explicit AttentionProblem(const AttentionInputs& inputs)
        : AttentionProblem(*inputs.map, inputs.qkv.shape()[0], inputs.qkv.shape()[3] / 3, inputs.heads,
                           inputs.qkv.data<T>(), data_or_null<W>(inputs.padding), data_or_null<W>(inputs.logit_scale),
                           data_or_null<W>(inputs.table)) {}

    int64_t windows() const { return images * window.windows; }
    // For each token of window w the row of qkv that it reads; -1 for padding.
    void rows_of(int64_t w, std::vector<int64_t>& rows) const {
        rows.clear();
        if (in_windows)
            for (int64_t t = 0; t < window.tokens; ++t) rows.push_back((w - first_window) * window.tokens + t);
        else window.for_each_row(w, w + 1, [&](int64_t row) { rows.push_back(row); });
    }
    // Calls body(token) with the 3C numbers of a row of qkv, or of padding.
    template <class Body>
    void with_token(int64_t row, const Body& body) const {
        if (row < 0) body(padding);
        else body(qkv + row * 3 * C);
    }
    // Regions of a window's tokens, null where all see each other.
    const int32_t* regions_of(int64_t w) const {
        return window.region.empty() ? nullptr : window.region.data() + w % window.windows * window.tokens;
    }

    bool cosine() const { return logit_scale != nullptr; }
    W scale(int64_t head) const {
        return cosine() ? std::exp(std::min(logit_scale[head], static_cast<W>(std::log(100.0)))) : W(1);
    }
    // forward: scale = exp(min(logit_scale, ln 100)), so above the bound nothing comes back
    bool scale_is_clamped(int64_t head) const { return static_cast<double>(logit_scale[head]) > std::log(100.0); }

    // q, k and v of a head and a window's tokens, [tokens, Dp] each; what is beside the D numbers stays as it is.
    void load(const std::vector<int64_t>& rows, int64_t head, W* q, W* k, W* v) const {
        for (int64_t t = 0; t < window.tokens; ++t)
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
                    for (int64_t d = 0; d < D; d += line) __builtin_prefetch(qkv + (row * 3 + part) * C + head * D + d);
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

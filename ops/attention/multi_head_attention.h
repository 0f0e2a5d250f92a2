// The arguments of multi_head_attention, for plain loops and the fast path. It has no kernels: on a device it is three
// other operations. Mathematics and names: ops/attention/multi_head_attention.cpp.
#pragma once

#include "cuda/attention/window_attention.h"

namespace swingrad {

template <class T>
struct MultiHeadAttentionOp {
    using A = acc_type<T>;

    WindowAttentionOp<T>
        attention;                  // sizes, lists, logit_scale, bias_table and the gradients of these two; no qkv or y
    const T* x = nullptr;           // [images map_tokens, C]
    const T* qkv_weight = nullptr;  // [3C, C]
    const A* qkv_bias = nullptr;    // [3C]; null: none; forward's alone
    const T* proj_weight = nullptr;  // [C, C]
    const A* proj_bias = nullptr;    // [C]; forward's alone
    T* qkv = nullptr;                // [images windows N, 3C]; forward's may be null: backward does not follow
    T* y = nullptr;                  // [images map_tokens, C]; forward's alone
    const T* dy = nullptr;           // [images map_tokens, C]; this and what follows: backward's alone
    T* dx = nullptr;                 // [images map_tokens, C]; each of these may be null
    T *dqkv_weight = nullptr, *dproj_weight = nullptr;  // [3C, C], [C, C]
    A *dqkv_bias = nullptr, *dproj_bias = nullptr;      // [3C], [C]

    // The projections' without padding: it has no q, k and v of its own. See ops/cost_log.h.
    int64_t multiply_adds() const {
        return attention.images * attention.map_tokens * 4 * attention.C * attention.C + attention.multiply_adds();
    }

    void forward() const;  // ops/attention/multi_head_attention.cpp
    void backward() const;

    int64_t tokens() const {
        return attention.images * attention.windows * attention.N;
    }  // of all windows, padding too
    // Which row of x the t-th of these reads; below 0 for padding.
    int64_t row_of(int64_t t) const { return attention.row_of(t / attention.N, t % attention.N); }
    // The attention alone, of qkv and y in the order of the windows.
    WindowAttentionOp<T> in_windows(const T* qkv_rows, T* y_rows) const {
        WindowAttentionOp<T> of = attention;
        of.source = nullptr;
        of.qkv = qkv_rows, of.y = y_rows;
        return of;
    }
};

}  // namespace swingrad

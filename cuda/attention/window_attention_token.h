// What one thread of window_attention.cu does for one token: loading it, and scoring a query against a key.
#pragma once

#include "core/scalar.h"
#include "cuda/attention/window_attention.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

// Tokens of a tile, and threads of a block. Doubles take twice the memory, and are for gradient checks.
template <class W>
constexpr int tile_tokens = sizeof(W) == 8 ? 32 : 64;

// Rows of a tile in shared memory. They stay aligned to 16 bytes, for vector loads, and do not all begin in one bank.
template <class W, int Dmax>
constexpr int row_stride = Dmax + 16 / static_cast<int>(sizeof(W));

template <class W>
__device__ inline W attention_scale(const W* logit_scale, int64_t head) {
    if (!logit_scale) return 1;
    const W most = static_cast<W>(4.605170185988092);  // ln 100
    return exp(logit_scale[head] < most ? logit_scale[head] : most);
}

// A vector of a head, times the factor that makes it q^ or k^ (ops/attention/window_attention.cpp); columns past D are
// 0.
template <class W, int Dmax>
struct HeadVector {
    W u[Dmax] = {};
    W factor = 1, along = 0;  // `along`: 1 where making u longer changes nothing, else 0

    template <class T>
    __device__ void load(const T* from, int64_t D) {
#pragma unroll
        for (int d = 0; d < Dmax; ++d) u[d] = d < D ? static_cast<W>(widen(from[d])) : W(0);
    }
    __device__ void normalise() {
        W square = 0;
#pragma unroll
        for (int d = 0; d < Dmax; ++d) square += u[d] * u[d];
        const W norm = sqrt(square), eps = static_cast<W>(1e-12);
        along = norm < eps ? W(0) : W(1);
        scale_by(1 / (norm < eps ? eps : norm));
    }
    __device__ void scale_by(W by) {
        factor = by;
#pragma unroll
        for (int d = 0; d < Dmax; ++d) u[d] *= by;
    }
    // q^ or k^ of either kind of attention.
    __device__ void prepare(bool cosine, W dot_factor) {
        if (cosine) return normalise();
        along = 0;
        scale_by(dot_factor);
    }
};

template <class W, int Dmax>
__device__ inline W dot(const W* a, const W* b) {
    W sum = 0;
#pragma unroll
    for (int d = 0; d < Dmax; ++d) sum += a[d] * b[d];
    return sum;
}

template <class W, int Dmax>
__device__ inline void add_times(W* sum, W times, const W* a) {
#pragma unroll
    for (int d = 0; d < Dmax; ++d) sum[d] += times * a[d];
}

// One window and one head, as a thread needs them.
template <class T, int Dmax>
struct ThreadWindow {
    using W = acc_type<T>;
    const WindowAttentionOp<T>& op;
    bool cosine;
    W scale;
    int64_t window, head;  // the window counted over all images

    // part 0: q, 1: k, 2: v
    __device__ void load(HeadVector<W, Dmax>& to, int64_t t, int part) const {
        const int64_t row = op.row_of(window, t), column = part * op.C + head * op.D;
        if (row < 0) to.load(op.padding + column, op.D);
        else to.load(op.qkv + row * 3 * op.C + column, op.D);
    }
    __device__ void load_query(HeadVector<W, Dmax>& q, int64_t t) const {
        load(q, t, 0);
        q.prepare(cosine, 1 / sqrt(static_cast<W>(op.D)));
    }
    __device__ void load_key(HeadVector<W, Dmax>& k, int64_t t) const {
        load(k, t, 1);
        k.prepare(cosine, 1);
    }
    // How many keys of the tile that begins at key j0 query i sees, from j0 on; none where it is below 1.
    __device__ int keys_of(int i, int j0, int tile) const {
        const int keys = static_cast<int>(op.keys_of(i)) - j0;
        return keys < tile ? keys : tile;
    }
    // S_ij, of the product q^_i . k^_j
    __device__ W score(int64_t i, int64_t j, W product) const {
        W S = scale * product;
        if (op.bias_table) S += op.bias_table[op.relative_index(i, j) * op.heads + head];
        if (op.masked(window, i, j)) S -= 100;
        return S;
    }
};

}  // namespace swingrad::cuda

// One row of a layer norm by one warp: what the kernels of layer_norm and residual_norm share, as
// ops/norm/layer_norm_row_fast.h is what their loops share. Mathematics and names: ops/norm/layer_norm.cpp.
//
// Plan: cuda/toolkit/warp_row.h. The row is read again from the cache for each pass over it; nothing is in shared
// memory, so any C will do.
#pragma once

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class W>
struct RowStatistics {
    W mean, rstd;
};

template <class T>
__device__ RowStatistics<acc_type<T>> row_statistics(int64_t C, const T* x, acc_type<T> eps) {
    using W = acc_type<T>;
    W sum = 0, squares = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) sum += widen(x[c]);
    const W mean = warp_sum(sum) / static_cast<W>(C);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) {
        const W difference = widen(x[c]) - mean;
        squares += difference * difference;
    }
    return {mean, 1 / sqrt(warp_sum(squares) / static_cast<W>(C) + eps)};
}

// dx of the row; the gradient that arrives is keep * dy.
template <class T>
__device__ void row_backward(int64_t C, const T* x, RowStatistics<acc_type<T>> row, const acc_type<T>* weight,
                             const T* dy, acc_type<T> keep, T* dx) {
    using W = acc_type<T>;
    W g_sum = 0, g_x_hat_sum = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) {
        const W g = keep * widen(dy[c]) * weight[c];
        g_sum += g;
        g_x_hat_sum += g * ((widen(x[c]) - row.mean) * row.rstd);
    }
    const W g_mean = warp_sum(g_sum) / static_cast<W>(C), g_x_hat_mean = warp_sum(g_x_hat_sum) / static_cast<W>(C);
    // forward: x_hat = (x - mean(x)) rstd(x), so:
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) {
        const W x_hat = (widen(x[c]) - row.mean) * row.rstd;
        dx[c] = narrow<T>(row.rstd * (keep * widen(dy[c]) * weight[c] - g_mean - x_hat * g_x_hat_mean));
    }
}

// dweight [C] and dbias [C], summed over rows. The gradient that arrives is keep[row / sample_rows] * dy; keep may be
// null.
template <class T>
void weight_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const acc_type<T>* keep,
                     const acc_type<T>* means, const acc_type<T>* rstds, const T* dy, acc_type<T>* dweight,
                     acc_type<T>* dbias);

}  // namespace swingrad::cuda

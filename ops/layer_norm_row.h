// One row of a layer norm, forward and backward: what layer_norm and residual_norm share. Derivation:
// ops/layer_norm.cpp.
#pragma once

#include "core/element.h"

#include <cmath>
#include <cstdint>

namespace swingrad {

template <class W>
struct RowStatistics {
    W mean, rstd;
};

// mean = sum_c x_c / C,  rstd = 1 / sqrt(sum_c (x_c - mean)^2 / C + eps)
template <class T>
RowStatistics<Wide<T>> row_statistics(int64_t C, const T* x, Wide<T> eps) {
    using W = Wide<T>;
    W sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < C; ++c) sum += widen(x[c]);
    const W mean = sum / static_cast<W>(C);
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; ++c) squares += (widen(x[c]) - mean) * (widen(x[c]) - mean);
    return {mean, 1 / std::sqrt(squares / static_cast<W>(C) + eps)};
}

// dx of one row, and what it adds to dweight and dbias. The gradient that arrives is keep * dy (keep is 1 but for
// residual_norm).
template <class T>
void row_backward(int64_t C, const T* x, RowStatistics<Wide<T>> row, const Wide<T>* weight, const T* dy, Wide<T> keep,
                  T* dx, Wide<T>* dweight, Wide<T>* dbias) {
    using W = Wide<T>;
    W g_sum = 0, g_x_hat_sum = 0;
#pragma omp simd reduction(+ : g_sum, g_x_hat_sum)
    for (int64_t c = 0; c < C; ++c) {
        const W x_hat = (widen(x[c]) - row.mean) * row.rstd, d = keep * widen(dy[c]);
        // forward: y = weight x_hat + bias, so:
        dweight[c] += d * x_hat;
        dbias[c] += d;
        const W g = d * weight[c];
        g_sum += g;
        g_x_hat_sum += g * x_hat;
    }
    const W g_mean = g_sum / static_cast<W>(C), g_x_hat_mean = g_x_hat_sum / static_cast<W>(C);
    // forward: x_hat = (x - mean(x)) rstd(x), so:
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
        const W x_hat = (widen(x[c]) - row.mean) * row.rstd;
        dx[c] = narrow<T>(row.rstd * (keep * widen(dy[c]) * weight[c] - g_mean - x_hat * g_x_hat_mean));
    }
}

}  // namespace swingrad

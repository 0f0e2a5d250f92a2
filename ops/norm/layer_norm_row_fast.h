// One row of a layer norm, forward and backward: what layer_norm and residual_norm share. Derivation:
// ops/norm/layer_norm.cpp.
#pragma once

#include "core/simd.h"

#include <cmath>
#include <cstdint>

namespace swingrad {

constexpr int64_t norm_rows_a_piece = 64;  // of parallel work

template <class W>
struct RowStatistics {
    W mean, rstd;
};

// mean = sum_c x_c / C,  rstd = 1 / sqrt(sum_c (x_c - mean)^2 / C + eps)
template <class T>
RowStatistics<acc_type<T>> row_statistics(int64_t C, const T* x, acc_type<T> eps) {
    using W = acc_type<T>;
    const W count = static_cast<W>(C);
    const auto [sum] = sums_along_row<W, 1>(C, [&](auto& terms, int64_t c) { load_vector(terms[0], x + c); });
    const W mean = sum / count;
    const auto [squares] = sums_along_row<W, 1>(C, [&](auto& terms, int64_t c) {
        load_vector(terms[0], x + c);
        terms[0] = (terms[0] - mean) * (terms[0] - mean);
    });
    return {mean, 1 / std::sqrt(squares / count + eps)};
}

// dx of one row, and what it adds to dweight and dbias. The gradient that arrives is keep * dy (keep is 1 but for
// residual_norm).
template <class T>
void row_backward(int64_t C, const T* x, RowStatistics<acc_type<T>> row, const acc_type<T>* weight, const T* dy,
                  acc_type<T> keep, T* dx, acc_type<T>* dweight, acc_type<T>* dbias) {
    using W = acc_type<T>;
    const auto [g_sum, g_x_hat_sum] = sums_along_row<W, 2>(C, [&](auto& terms, int64_t c) {
        auto &x_hat = terms[1], &d = terms[0];
        std::remove_reference_t<decltype(d)> gain, sum;
        load_vector(x_hat, x + c);
        load_vector(d, dy + c);
        load_vector(gain, weight + c);
        x_hat = (x_hat - row.mean) * row.rstd;
        d *= keep;
        // forward: y = weight x_hat + bias, so:
        load_vector(sum, dweight + c);
        sum += d * x_hat;
        store_vector(sum, dweight + c);
        load_vector(sum, dbias + c);
        sum += d;
        store_vector(sum, dbias + c);
        d *= gain;  // g, and the next term g x_hat
        x_hat *= d;
    });
    const W g_mean = g_sum / static_cast<W>(C), g_x_hat_mean = g_x_hat_sum / static_cast<W>(C);
    // forward: x_hat = (x - mean(x)) rstd(x), so:
    along_row<W>(C, [&](auto& x_hat, int64_t c) {
        std::remove_reference_t<decltype(x_hat)> d, gain;
        load_vector(x_hat, x + c);
        load_vector(d, dy + c);
        load_vector(gain, weight + c);
        x_hat = (x_hat - row.mean) * row.rstd;
        store_vector(row.rstd * (keep * d * gain - g_mean - x_hat * g_x_hat_mean), dx + c);
    });
}

}  // namespace swingrad

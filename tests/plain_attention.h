// Attention from plain operations: what the fused ones are compared with.
#pragma once

#include "ops/ops.h"

#include <cmath>

namespace swingrad::test {

// Cut into windows, split heads, scale q and k, multiply, softmax, multiply, put back. An undefined logit_scale stands
// for dot attention, an undefined table for no position bias.
inline Tensor plain_attention(const Tensor& qkv, const Tensor& padding, int64_t h, const Tensor& logit_scale,
                              const Tensor& table, const WindowMap& map) {
    const int64_t B = qkv.shape()[0], C = qkv.shape()[3] / 3, D = C / h, N = map->tokens;
    const int64_t windows = B * map->windows;
    Tensor x = window_partition(qkv, map);
    if (padding.defined()) {
        Tensor indicator = Tensor::zeros({B, map->map.rows, map->map.columns, 1}, qkv.dtype());
        for (double& value : indicator.span<double>()) value = 1;
        indicator = window_partition(indicator, map);
        for (double& value : indicator.span<double>()) value = 1 - value;
        x = add(x, multiply(broadcast_to(indicator, x.shape()), broadcast_to(padding, x.shape())));
    }
    x = permute(reshape(x, {windows, N, 3, h, D}), {2, 0, 3, 1, 4});
    const auto part = [&](int64_t i) { return reshape(rows(x, i, i + 1), {windows, h, N, D}); };
    const bool cosine = logit_scale.defined();
    const Tensor q = cosine ? l2_normalise(part(0)) : scale(part(0), 1 / std::sqrt(static_cast<double>(D)));
    const Tensor k = cosine ? l2_normalise(part(1)) : part(1);
    Tensor S = matmul(q, permute(k, {0, 1, 3, 2}));
    const Shape shape = S.shape();
    if (cosine) S = multiply(S, broadcast_to(exp(logit_scale), shape));
    if (table.defined()) S = add(S, broadcast_to(relative_bias(table, map), shape));
    if (const Tensor mask = shift_mask(*map, qkv.dtype()); mask.defined()) {
        const Shape by_image{B, map->windows, h, N, N};
        S = reshape(add(reshape(S, by_image), broadcast_to(mask.view({1, map->windows, 1, N, N}), by_image)), shape);
    }
    const Tensor o = permute(matmul(softmax(S), part(2)), {0, 2, 1, 3});
    return window_reverse(reshape(o, {windows, N, C}), map);
}

}  // namespace swingrad::test

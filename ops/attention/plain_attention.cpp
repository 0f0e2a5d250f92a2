// Gradients are those of the operations it is made of. Test: tests/attention/test_window_attention.cpp, where the fused
// operations are compared with it.

#include "ops/attention/plain_attention.h"

#include <cmath>

namespace swingrad {
namespace {

Tensor constant(double value, const Shape& shape, DType dtype) {
    Tensor filled = Tensor::zeros(shape, DType::float64);
    for (double& element : filled.span<double>()) element = value;
    return filled.to(dtype);
}

// [B nW, N, 3C]; a padded token has `padding` for its q, k and v.
Tensor windows_of(const Tensor& qkv, const Tensor& padding, const WindowMap& map) {
    const Tensor x = window_partition(qkv, map);
    if (!padding.defined()) return x;
    const Tensor real = window_partition(constant(1, {qkv.shape()[0], map->map.rows, map->map.columns, 1}, qkv.dtype()),
                                         map);  // 0 where padded
    const Tensor padded = subtract(constant(1, real.shape(), qkv.dtype()), real);
    return add(x, multiply(broadcast_to(padded, x.shape()), broadcast_to(padding, x.shape())));
}

// exp(min(logit_scale, ln 100)), as min(a, b) = b - max(b - a, 0)
Tensor factor_of(const Tensor& logit_scale) {
    const Tensor most = constant(std::log(100.0), logit_scale.shape(), logit_scale.dtype());
    return exp(subtract(most, relu(subtract(most, logit_scale))));
}

}  // namespace

AttentionWeights attention_weights(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                                   const Tensor& bias_table, const WindowMap& map) {
    const int64_t B = qkv.shape()[0], D = qkv.shape()[3] / (3 * heads), N = map->tokens, windows = B * map->windows;
    const Tensor split = permute(reshape(windows_of(qkv, padding, map), {windows, N, 3, heads, D}), {2, 0, 3, 1, 4});
    const auto part = [&](int64_t i) { return reshape(slice(split, 0, i, i + 1), {windows, heads, N, D}); };
    const bool cosine = logit_scale.defined();
    const Tensor q = cosine ? l2_normalise(part(0)) : scale(part(0), 1 / std::sqrt(static_cast<double>(D)));
    const Tensor k = cosine ? l2_normalise(part(1)) : part(1);

    Tensor S = matmul(q, permute(k, {0, 1, 3, 2}));
    const Shape shape = S.shape();
    if (cosine) S = multiply(S, broadcast_to(factor_of(logit_scale), shape));
    if (bias_table.defined()) S = add(S, broadcast_to(relative_bias(bias_table, map), shape));
    if (const Tensor mask = shift_mask(*map, qkv.dtype()); mask.defined()) {
        const Shape by_image{B, map->windows, heads, N, N};
        S = reshape(add(reshape(S, by_image), broadcast_to(mask.view({1, map->windows, 1, N, N}), by_image)), shape);
    }
    if (const Tensor mask = causal_mask(*map, qkv.dtype()); mask.defined()) S = add(S, broadcast_to(mask, shape));
    return {softmax(S), part(2)};
}

Tensor plain_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                       const Tensor& bias_table, const WindowMap& map) {
    const auto [P, v] = attention_weights(qkv, padding, heads, logit_scale, bias_table, map);
    const Tensor o = permute(matmul(P, v), {0, 2, 1, 3});  // [B nW, N, h, D]
    return window_reverse(reshape(o, {o.shape()[0], map->tokens, qkv.shape()[3] / 3}), map);
}

}  // namespace swingrad

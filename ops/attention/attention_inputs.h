// What the attention operations are given: the tensors, what has to fit, and how they become a struct of arguments.
#pragma once

#include "autograd/tape.h"
#include "cuda/attention/window_attention.h"
#include "ops/attention/multi_head_attention.h"
#include "ops/operation.h"
#include "ops/window.h"

#include <string_view>
#include <vector>

namespace swingrad {

struct AttentionInputs {
    std::string_view op;  // the operation's name
    Tensor qkv;           // [B, H, W, 3C]
    Tensor padding;       // [3C]: q, k and v of a padded token; may be undefined where there is none
    Tensor logit_scale;   // [h, 1, 1]: cosine attention; undefined: dot attention
    Tensor bias_table;    // [R, h]: a bias for each relative position; undefined: none
    int64_t heads = 0;
    WindowMap map;

    void check() const;  // throws an Error unless everything fits

    // As inputs of a node. Dot attention's has no logit_scale.
    std::vector<Tensor> tensors() const;
    std::vector<Saved> saved(const Tensor& y, const Tensor& logsumexp) const {
        return {{"qkv", qkv}, {"padding", padding},    {"logit_scale", logit_scale}, {"bias_table", bias_table},
                {"y", y},     {"logsumexp", logsumexp}};
    }
    AttentionInputs detached() const;   // the same for a node to keep
    AttentionInputs gradients() const;  // tensors of the same shapes, and zeros but for qkv
    Shape y_shape() const { return qkv.shape().with(3, qkv.shape()[3] / 3); }  // [B, H, W, C]
    Tensor empty_logsumexp() const;                                            // [B, H, W, h]

    // Forward's arguments, and backward's, where `d` is what gradients() gave.
    template <class T>
    WindowAttentionOp<T> arguments(const Tensor& y, const Tensor& logsumexp) const;
    template <class T>
    WindowAttentionOp<T> arguments(const Tensor& y, const Tensor& logsumexp, const Tensor& dy,
                                   const AttentionInputs& d) const;
};

// q, k and v of a padded token, a vector of zeros in x [B, H, W, C]: the bias [3C] that every token's get, or zeros.
// Undefined where no window has padding.
Tensor padding_of(const Tensor& x, const Tensor& qkv_bias, const WindowTable& map);

// What multi_head_attention is given.
struct MultiHeadInputs {
    Tensor x;                        // [B, H, W, C]
    Tensor qkv_weight, qkv_bias;     // [3C, C], [3C]; the bias may be undefined
    Tensor logit_scale, bias_table;  // as above
    Tensor proj_weight, proj_bias;   // [C, C], [C]
    int64_t heads = 0;
    WindowMap map;

    void check(std::string_view op) const;  // throws an Error in the name of `op` unless everything fits
    std::vector<Tensor> tensors() const {   // as inputs of a node
        return {x, qkv_weight, qkv_bias, logit_scale, bias_table, proj_weight, proj_bias};
    }
    MultiHeadInputs kept() const;  // for a node to keep: all but the biases
    // In the order of tensors(), undefined where not needed; logit_scale and bias_table are zeros, the others not
    // written.
    std::vector<Tensor> gradients(const NeedsInputGrad& needs_input_grad) const;

    template <class T>
    MultiHeadAttentionOp<T> arguments(const Tensor& qkv) const;  // of x and the like; qkv in the order of the windows
};

// The sizes, and the lists of `map` on the device where `x` [B, ...] is.
template <class T>
WindowAttentionOp<T> attention_sizes(const Tensor& x, int64_t C, int64_t heads, const WindowTable& map) {
    WindowAttentionOp<T> op;
    op.images = x.shape()[0], op.windows = map.windows, op.map_tokens = map.map.rows * map.map.columns;
    op.N = map.tokens, op.C = C, op.heads = heads, op.D = C / heads;
    op.window_rows = map.window.rows, op.window_columns = map.window.columns, op.offsets = map.offsets();
    op.padded = map.padded_tokens(), op.centre = map.centre, op.causal = map.causal;
    if (x.device() == Device::cuda) {
        const auto lists = map.on_device();
        op.source = lists.source, op.mask = lists.mask, op.position = lists.position;
    } else {
        op.source = map.source.data(), op.position = map.position.data();
        op.mask = map.mask.empty() ? nullptr : map.mask.data();
    }
    return op;
}

template <class T>
WindowAttentionOp<T> AttentionInputs::arguments(const Tensor& y, const Tensor& logsumexp) const {
    WindowAttentionOp<T> op = attention_sizes<T>(qkv, qkv.shape()[3] / 3, heads, *map);
    op.qkv = ptr(qkv), op.padding = ptr(padding), op.logit_scale = ptr(logit_scale), op.bias_table = ptr(bias_table);
    op.y = ptr(y), op.logsumexp = ptr(logsumexp);
    return op;
}
template <class T>
WindowAttentionOp<T> AttentionInputs::arguments(const Tensor& y, const Tensor& logsumexp, const Tensor& dy,
                                                const AttentionInputs& d) const {
    WindowAttentionOp<T> op = arguments<T>(y, logsumexp);
    op.dy = ptr(dy), op.dqkv = ptr(d.qkv), op.dpadding = ptr(d.padding), op.dlogit_scale = ptr(d.logit_scale);
    op.dbias_table = ptr(d.bias_table);
    return op;
}

template <class T>
MultiHeadAttentionOp<T> MultiHeadInputs::arguments(const Tensor& qkv) const {
    MultiHeadAttentionOp<T> op;
    op.attention = attention_sizes<T>(x, x.shape()[3], heads, *map);
    op.attention.logit_scale = ptr(logit_scale), op.attention.bias_table = ptr(bias_table);
    op.x = ptr(x), op.qkv_weight = ptr(qkv_weight), op.qkv_bias = ptr(qkv_bias), op.qkv = ptr(qkv);
    op.proj_weight = ptr(proj_weight), op.proj_bias = ptr(proj_bias);
    return op;
}

}  // namespace swingrad

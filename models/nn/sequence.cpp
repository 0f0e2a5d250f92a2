#include "models/nn/sequence.h"

namespace swingrad {

Embedding::Embedding(int64_t entries, int64_t channels, Init init) {
    declare("weight", weight, {entries, channels}, init, Decay::yes, Precision::mixed);
    weight.is_table = true;
}

MultiHeadAttention::MultiHeadAttention(int64_t channels, int64_t heads, const MultiHeadAttentionOptions& options)
    : qkv(channels, 3 * channels, options.linear),
      proj(channels, channels, options.linear),
      heads_(heads),
      causal_(options.causal) {
    check(heads > 0 && channels % heads == 0, "[attention] {} channels do not divide into {} heads", channels, heads);
    declare("qkv", qkv);
    declare("proj", proj);
}

// A sequence is a map of one row, and that is one window.
Tensor MultiHeadAttention::forward(const Tensor& x) const {
    const Shape& shape = x.shape();
    check(shape.rank() == 3, "[attention] x must be [B, T, C], got {}", shape);
    if (!map_ || map_->map.columns != shape[1]) map_ = make_sequence_map(shape[1], causal_);
    const Tensor y = multi_head_attention(reshape(x, {shape[0], 1, shape[1], shape[2]}), qkv.weight, qkv.bias, heads_,
                                          {}, {}, proj.weight, proj.bias, map_);
    return reshape(y, shape);
}

}  // namespace swingrad

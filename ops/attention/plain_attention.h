// Attention within windows from plain operations, a step a line: what cosine_attention and dot_attention
// (ops/attention/window_attention.cpp) compute in one go. Read it before them; the tests compare them with it; and here
// the weights can be looked at, which the others never hold in memory as a whole. On the CPU.
#pragma once

#include "ops/ops.h"

namespace swingrad {

struct AttentionWeights {
    Tensor weights;  // [B nW, h, N, N]: how much of each key (last) a query takes; each row sums to 1
    Tensor values;   // [B nW, h, N, D]
};

// Cut into windows, split into heads, scale q and k, multiply, add bias and mask, softmax. Arguments are those of
// cosine_attention and dot_attention (ops.h): an undefined logit_scale stands for dot attention, an undefined
// bias_table for no position bias.
AttentionWeights attention_weights(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                                   const Tensor& bias_table, const WindowMap& map);

// The rest: weights times values, heads side by side, windows put back. [B, H, W, C]
Tensor plain_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                       const Tensor& bias_table, const WindowMap& map);

}  // namespace swingrad

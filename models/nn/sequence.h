// Layers of models of sequences: texts, or patches of an image in a row.
#pragma once

#include "models/nn/layers.h"

namespace swingrad {

// Class or token numbers int64 [...] -> their rows of the weight [..., C]
class Embedding : public Module {
  public:
    Embedding(int64_t entries, int64_t channels, Init init = Init::normal(1));
    Tensor forward(const Tensor& index) const override { return embedding(weight, index); }

    Parameter weight;  // [entries, C]
};

struct MultiHeadAttentionOptions {
    bool causal = false;  // a token sees itself and those before it
    LinearOptions linear = {};
};

// Every token of a sequence [B, T, C] looks at every other: softmax(q k^T / sqrt(D)) v for each head of D = C / heads
// columns, between two linear layers, [C -> 3C] and [C -> C].
class MultiHeadAttention : public Module {
  public:
    MultiHeadAttention(int64_t channels, int64_t heads, const MultiHeadAttentionOptions& options = {});
    Tensor forward(const Tensor& x) const override;

    Linear qkv, proj;

  private:
    int64_t heads_;
    bool causal_;
    mutable WindowMap map_;  // of the last length
};

}  // namespace swingrad

// From images to tokens, and from a map of tokens to one of half the size. Names of members are timm's.
#pragma once

#include "models/nn/layers.h"
#include "models/swin/config.h"

namespace swingrad {

// Non-overlapping patches of an image to tokens: [B, H, W, I] -> [B, H/p, W/q, C].
class PatchEmbed : public Module {
  public:
    PatchEmbed(int64_t in_chans, int64_t channels, Extent patch);
    Tensor forward(const Tensor& images) const;

    class Projection : public Module {
      public:
        Projection(int64_t in_chans, int64_t channels, Extent patch);
        Parameter weight, bias;  // [C, I, p, q], [C]
    } proj;
    LayerNorm norm;
};

// Half the rows and columns, twice the channels: [B, H, W, C] -> [B, ceil(H/2), ceil(W/2), 2C].
class PatchMerging : public Module {
  public:
    PatchMerging(int64_t channels, MergingNorm placement);
    Tensor forward(const Tensor& x) const;

    Linear reduction;
    LayerNorm norm;

  private:
    MergingNorm placement_;
};

}  // namespace swingrad

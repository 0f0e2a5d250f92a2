// From images to tokens, and from a map of tokens to one of half the size. Names of members are timm's.
#pragma once

#include "models/nn/layers.h"
#include "models/swin/config.h"

namespace swingrad {

// What timm's Swin begins with: weights of linear layers from a normal distribution of this standard deviation, biases
// at 0.
inline constexpr double weight_deviation = 0.02;
inline LinearOptions start_of_linear(bool bias = true) {
    return {bias, Init::normal(weight_deviation), Init::constant(0)};
}

// Non-overlapping patches of an image to tokens: [B, H, W, I] -> [B, H/p, W/q, C].
class PatchEmbed : public Module {
  public:
    PatchEmbed(int64_t in_chans, int64_t channels, Extent patch);
    Tensor forward(const Tensor& images) const override;

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
    Tensor forward(const Tensor& x) const override;

    Linear reduction;
    LayerNorm norm;

  private:
    MergingNorm placement_;
};

}  // namespace swingrad

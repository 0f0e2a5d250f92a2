// A block's attention, and what it must know of the block. Names of members are timm's. Switches: models/swin/config.h.
#pragma once

#include "models/swin/config.h"
#include "models/swin/patches.h"
#include "ops/window.h"

#include <vector>

namespace swingrad {

// What differs from block to block of a model.
struct BlockConfig {
    int64_t number;  // counts the blocks of the whole network, so that each draws its own drop path
    int64_t channels, heads;
    WindowMap windows;         // how its map of tokens is cut, shared by the blocks of a stage that cut alike
    Extent pretrained_window;  // {0, 0}: none
    double drop_path;
    bool extra_norm;  // a layer norm on the main branch after this block (huge and giant)
};

// Attention within windows: scaled cosine or dot product, with a position bias by one of several means.
class WindowAttention : public Module {
  public:
    WindowAttention(const SwinConfig& model, const BlockConfig& block);
    Tensor forward(const Tensor& x) const override;  // [B, H, W, C] -> [B, H, W, C]

    // How much of each key a query takes, [B nW, h, N, N], which forward never has as a whole: for looking at. On the
    // CPU only.
    Tensor weights(const Tensor& x) const;
    const WindowMap& map() const { return map_; }
    // What a score's cosine is multiplied by, 1 / tau in the paper, of each head; empty for dot attention.
    std::vector<double> score_scales() const;

    // The bias of every offset between two tokens of a window, [R, h]; undefined where there is none.
    Tensor position_bias() const;

    // Those that the switches have no use for stay undeclared.
    Parameter logit_scale;                          // [h, 1, 1]
    Parameter q_bias, v_bias;                       // [C]; a key has none, or all three are qkv.bias
    Parameter cpb_weight1, cpb_bias1, cpb_weight2;  // [512, 2], [512], [h, 512]
    Parameter relative_position_bias_table;         // [R, h]
    Linear qkv, proj;

  private:
    struct Projected {
        Tensor qkv, padding;  // [B, H, W, 3C], [3C] or undefined
    };
    Tensor bias() const;  // of q, k and v, [3C]; undefined where there is none
    Projected project(const Tensor& x) const;

    AttentionKind kind_;
    PositionBias position_bias_;
    CpbFormula formula_;
    bool sequential_;
    int64_t heads_;
    WindowMap map_;
    mutable Tensor coordinates_;  // of the position bias, [R, 2], in the dtype and on the device of its network
};

}  // namespace swingrad

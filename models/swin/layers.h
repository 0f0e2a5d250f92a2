// The layers of Swin Transformers, from the smallest up. Names of members are timm's, and so are the parameters' names.
// Switches: models/swin/config.h.
#pragma once

#include "models/swin/config.h"
#include "models/nn/module.h"
#include "ops/ops.h"
#include "ops/window.h"

#include <functional>
#include <memory>
#include <string_view>

namespace swingrad {

class WindowAttention;

// What a forward pass does besides computing.
struct ForwardOptions {
    bool training = false;  // drop path and dropout active
    Random random;          // of these; one a step
    // [2 blocks, B]: what drop path keeps, drawn beforehand: row 2 n + branch as block n would draw it from `random`.
    // Undefined: drawn where it is used.
    Tensor keeps = {};
    // Called with each named intermediate result: "patch_embed", "layers.0.blocks.1", "layers.0", "norm", ...
    std::function<void(std::string_view name, const Tensor& value)> observe = {};
    // Called with each block's number, its attention, and what goes into that, [B, H, W, C].
    std::function<void(int64_t block, const WindowAttention& attention, const Tensor& x)> observe_attention = {};
};

// Streams of a step's random numbers: block n's drop path has 2n and 2n + 1, its dropout three from here on.
constexpr uint64_t dropout_streams = uint64_t{1} << 32, head_dropout_stream = dropout_streams - 1;

class LayerNorm : public Module {
  public:
    // weight starts at `start` (0 makes a residual branch start as nothing), bias at 0.
    explicit LayerNorm(int64_t channels, double start = 1);
    Tensor forward(const Tensor& x) const { return layer_norm(x, weight, bias); }

    Parameter weight, bias;  // [C]
};

class Linear : public Module {
  public:
    Linear(int64_t inputs, int64_t outputs, bool with_bias = true);
    Tensor forward(const Tensor& x) const { return linear(x, weight, bias); }

    Parameter weight, bias;  // [O, I], [O]; bias stays undefined without one
};

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
    Tensor forward(const Tensor& x) const;  // [B, H, W, C] -> [B, H, W, C]

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

class Mlp : public Module {
  public:
    Mlp(int64_t channels, int64_t hidden);
    Tensor forward(const Tensor& x) const { return mlp(x, fc1.weight, fc1.bias, fc2.weight, fc2.bias); }
    // With dropout of the hidden layer, which the fused operation does not have.
    Tensor forward(const Tensor& x, double drop_rate, Random random) const {
        return fc2.forward(dropout(gelu(fc1.forward(x)), drop_rate, random));
    }

    Linear fc1, fc2;
};

// Two branches, attention and MLP, added to the stream x one after the other; where their norms stand is a switch. V2:
//
//   x <- x + drop_path(norm1(attn(x)))        x <- x + drop_path(norm2(mlp(x)))
class Block : public Module {
  public:
    Block(const SwinConfig& model, const BlockConfig& block);
    Tensor forward(const Tensor& x, const ForwardOptions& options) const;
    double drop_path_rate() const { return drop_path_; }

    WindowAttention attn;
    LayerNorm norm1;
    Mlp mlp;
    LayerNorm norm2;
    std::unique_ptr<LayerNorm> pre_norm1, pre_norm2;  // the second norms of a sandwich, before the branches
    std::unique_ptr<LayerNorm> norm3;                 // where block.extra_norm

  private:
    Tensor compute(const Tensor& x, const ForwardOptions& options) const;
    template <class Branch>
    Tensor with_branch(const Tensor& x, const Branch& branch, const LayerNorm& norm, const LayerNorm* pre_norm,
                       const Tensor& keep) const;
    Tensor attention_branch(const Tensor& x, const ForwardOptions& options) const;
    Tensor mlp_branch(const Tensor& x, const ForwardOptions& options) const;
    Tensor keep(const Tensor& x, const ForwardOptions& options, int branch) const;

    NormPlacement placement_;
    bool checkpoint_;
    double drop_path_, proj_drop_;
    int64_t number_;
};

}  // namespace swingrad

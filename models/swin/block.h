// The block of a Swin Transformer. Names of members are timm's. Switches: models/swin/config.h.
#pragma once

#include "models/swin/window_attention.h"

#include <functional>
#include <memory>
#include <string_view>

namespace swingrad {

// What a forward pass does besides computing.
struct ForwardOptions {
    bool training = false;  // drop path and dropout active
    Random random;          // of these; one a step
    // [2 blocks, B]: what drop path keeps, drawn beforehand: row 2 n + branch as block n would draw it from `random`.
    // Undefined: drawn where it is used.
    Tensor keeps = {};
    // int64 [1 + 3 blocks, 2]: seed and stream of what dropout draws from, written beforehand: row r is that of stream
    // head_dropout_stream + r of `random`. Undefined: split where it is used.
    Tensor dropouts = {};
    // Called with each named intermediate result: "patch_embed", "layers.0.blocks.1", "layers.0", "norm", ...
    std::function<void(std::string_view name, const Tensor& value)> observe = {};
    // Called with each block's number, its attention, and what goes into that, [B, H, W, C].
    std::function<void(int64_t block, const WindowAttention& attention, const Tensor& x)> observe_attention = {};
};

// Streams of a step's random numbers: block n's drop path has 2n and 2n + 1, its dropout three from here on.
constexpr uint64_t dropout_streams = uint64_t{1} << 32, head_dropout_stream = dropout_streams - 1;

// Dropout in training: number 0 is the head's, block n has three from 1 + 3n on. Else x itself.
Tensor dropped(const Tensor& x, double rate, const ForwardOptions& options, int64_t number);

// Two branches, attention and MLP, added to the stream x one after the other; where their norms stand is a switch. V2:
//
//   x <- x + drop_path(norm1(attn(x)))        x <- x + drop_path(norm2(mlp(x)))
class Block : public Module {
  public:
    using Module::forward;
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

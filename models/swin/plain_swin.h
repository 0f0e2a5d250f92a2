// PlainSwin: a whole Swin Transformer, V1 or V2 by its switches, in plain operations: a model to be read.
//
// It computes what SwinV2 (models/swin/swin_v2.h) does, and nothing is hidden: no modules, no fused operations, no drop
// path. A parameter is looked up where it is used. The tests find the same logits and gradients for every combination
// of switches (tests/models/test_switches.cpp).
#pragma once

#include "models/swin/config.h"
#include "ops/ops.h"

#include <functional>
#include <map>

namespace swingrad {

class PlainSwin {
  public:
    // Parameters by the names that SwinV2 gives them: "layers.0.blocks.1.attn.qkv.weight".
    PlainSwin(const SwinConfig& config, std::map<std::string, Tensor> parameters)
        : config_(config), parameters_(std::move(parameters)) {}

    Tensor forward(const Tensor& images) const;  // [B, H, W, in_chans] -> logits [B, K]

  private:
    Tensor patch_embed(const Tensor& images) const;
    Tensor merge(const std::string& name, const Tensor& x) const;
    Tensor block(const std::string& name, const Tensor& x, size_t stage, int64_t number) const;
    Tensor with_branch(const std::string& name, const std::string& number, const Tensor& x,
                       const std::function<Tensor(const Tensor&)>& branch) const;
    Tensor attention(const std::string& name, const Tensor& x, size_t stage, int64_t number) const;
    Tensor position_bias(const std::string& name, Extent window, Extent pretrained) const;

    Tensor of(const std::string& name) const {  // undefined where the model has none
        return parameters_.count(name) ? parameters_.at(name) : Tensor();
    }
    Tensor norm(const std::string& name, const Tensor& x) const {
        return layer_norm(x, of(name + ".weight"), of(name + ".bias"));
    }
    Tensor linear_layer(const std::string& name, const Tensor& x) const {
        return linear(x, of(name + ".weight"), of(name + ".bias"));
    }

    SwinConfig config_;
    std::map<std::string, Tensor> parameters_;
};

}  // namespace swingrad

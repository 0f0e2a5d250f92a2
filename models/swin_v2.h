// Swin Transformer V2: images -> class logits.
// Source: Liu et al., "Swin Transformer V2: Scaling up capacity and resolution", arXiv 2111.09883.
#pragma once

#include "models/config.h"
#include "models/layers.h"

#include <functional>
#include <string_view>

namespace swingrad {

// What a forward pass does besides computing.
struct ForwardOptions {
    bool training = false;  // drop path active
    Random random;          // of the drop path; one a step
    // Called with each named intermediate result (trace): "patch_embed", "layers.0.blocks.1", "layers.0", "norm", ...
    std::function<void(std::string_view name, const Tensor& value)> observe;
};

class SwinV2 : public Module {
  public:
    explicit SwinV2(const SwinConfig& config);  // allocates nothing; see Parameters

    const SwinConfig& config() const { return config_; }

    // images [B, H, W, in_chans] of the configured size -> logits [B, K]
    Tensor forward(const Tensor& images, const ForwardOptions& options = {}) const;

  private:
    SwinConfig config_;
    PatchEmbed patch_embed_;
    std::vector<std::unique_ptr<Stage>> stages_;
    LayerNorm norm_;
    Linear head_;
};

}  // namespace swingrad

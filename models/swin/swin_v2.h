// Swin Transformer V2, or V1, or whatever the switches make: images -> class logits.
// Source: Liu et al., "Swin Transformer V2: Scaling up capacity and resolution", arXiv 2111.09883; V1: arXiv
// 2103.14030.
#pragma once

#include "models/swin/block.h"
#include "models/swin/config.h"
#include "models/swin/patches.h"

#include <memory>
#include <vector>

namespace swingrad {

// A pyramid's level: halve the map (but in the first), then run the blocks, every other one with shifted windows.
class Stage : public Module {
  public:
    using Module::forward;
    Stage(const SwinConfig& config, size_t index, Extent map, int64_t first_block);
    Tensor forward(const Tensor& x, const ForwardOptions& options) const;

    std::unique_ptr<PatchMerging> downsample;  // none in stage 0
    std::vector<std::unique_ptr<Block>> blocks;

  private:
    std::string name_;  // "layers.1"
};

class SwinV2 : public Module {
  public:
    // Checks the configuration and declares the parameters; allocates none (see Parameters).
    explicit SwinV2(const SwinConfig& config);

    const SwinConfig& config() const { return config_; }

    // images [B, H, W, in_chans] of the configured size, as as_input gives them -> logits [B, K]. Or features [B, C] of
    // images, as features() gives them, where these were computed before.
    Tensor forward(const Tensor& images) const override;
    Tensor forward(const Tensor& images, const ForwardOptions& options) const;
    // images -> what the classifier is given, [B, C]: the last map normalised, and its mean over all places.
    Tensor features(const Tensor& images, const ForwardOptions& options = {}) const;
    void draw_ahead(int64_t batch, DType dtype, Device device) override;
    // As in timm: 0 the patch embedding and absolute positions, then each block a layer, the merging before a stage
    // with its first block and the last norm with the last block, and the head on top.
    std::optional<int64_t> layer_of(const std::string& parameter) const override;
    // Images in the parameters' dtype and on their device; themselves where they are so already.
    Tensor as_input(const Tensor& images) const;
    Device device() const { return patch_embed_.proj.weight.value.device(); }  // of the parameters
    DType dtype() const { return patch_embed_.proj.weight.value.dtype(); }
    std::vector<double> drop_path_rates() const;  // of all blocks in order, two a block

  protected:
    // For models that end otherwise: a final norm and a classifier are declared, or neither. See maps().
    enum class Top : bool { none, classifier };
    SwinV2(const SwinConfig& config, Top top);

    // images -> what each stage puts out, before the next one's merging: [B, rows, columns, C] of map_of_stage and
    // channels_of_stage. With `mask`, uint8 [B, rows, columns] of map_of_stage(config, 0), `mask_token` [C] stands in
    // place of the embedded patches where it is 1; absolute positions are added to both.
    std::vector<Tensor> maps(const Tensor& images, const ForwardOptions& options, const Tensor& mask_token = {},
                             const Tensor& mask = {}) const;
    // Of a step of training, or of evaluation: as forward(images) has them.
    ForwardOptions options_of_step() const;

  private:
    Tensor with_positions(const Tensor& x, const ForwardOptions& options) const;

    SwinConfig config_;
    PatchEmbed patch_embed_;
    Parameter absolute_pos_embed_;  // [1, rows, columns, C] of map_of_stage(config, 0), where there is one
    std::vector<std::unique_ptr<Stage>> stages_;
    LayerNorm norm_;
    Linear head_;
    Tensor rates_, keeps_, dropouts_;  // drawn ahead on a device: drop_path_rates, and what ForwardOptions has
};

// Rows and columns of tokens in stage `index`: patches, halved (rounding up) at each stage after the first.
Extent map_of_stage(const SwinConfig& config, size_t index);
// Channels of stage `index`.
int64_t channels_of_stage(const SwinConfig& config, size_t index);

}  // namespace swingrad

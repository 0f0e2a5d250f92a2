// A Swin that says of each pixel what it shows: the stages' maps, each normalised by a layer norm of its own, a head
// that makes one map of classes of them, and that resized to the images' size.
//
// The backbone's parameters have a classifier's names, so that its weights can be begun from; norms and head have
// mmsegmentation's: norm0 ... and decode_head.
#pragma once

#include "models/segmentation/heads.h"
#include "models/swin/swin_v2.h"

namespace swingrad {

enum class SegmentationHead : uint8_t { sum, uper };

struct SegmentationConfig {
    SegmentationHead head = SegmentationHead::sum;
    int64_t width = 64;  // channels of the head
};

class SegmentationSwin final : public SwinV2 {
  public:
    // config.num_classes are those of pixels.
    SegmentationSwin(const SwinConfig& config, const SegmentationConfig& segmentation);

    // images [B, H, W, in_chans] of the configured size -> logits [B, H, W, K]
    Tensor forward(const Tensor& images) const override;
    // As SwinV2's; a stage's norm belongs to its last block, and the head is on top.
    std::optional<int64_t> layer_of(const std::string& parameter) const override;

  private:
    std::vector<std::unique_ptr<LayerNorm>> norms_;
    std::unique_ptr<DecodeHead> head_;
};

}  // namespace swingrad

// A Swin that tells the pixels of patches it does not see, and so learns from images without labels.
//
// A learnt token stands in place of masked patches after the patch embedding. The last map, normalised, goes through
// one linear map at each position, and its outputs are a square of pixels. Names are those of Microsoft's SimMIM,
// without `encoder.`: mask_token, decoder.0; so the backbone's are a classifier's. Source: Xie et al., "SimMIM", arXiv
// 2111.09886, section 3.
#pragma once

#include "models/nn/convolution.h"
#include "models/swin/swin_v2.h"

namespace swingrad {

class SimMimSwin final : public SwinV2 {
  public:
    // Throws an Error unless the image is a whole number of squares of stride() pixels. config.num_classes is not used.
    explicit SimMimSwin(const SwinConfig& config);

    // images [B, H, W, in_chans] of the configured size -> the same shape: all pixels, told from an image of which
    // nothing is masked. With one channel more, the last is 1 in the pixels of patches that are not seen, and else 0.
    Tensor forward(const Tensor& images) const override;
    // The same where `mask` [B, H/patch, W/patch], uint8 or of the images' type, is 1 in patches that are not seen.
    Tensor reconstruct(const Tensor& images, const Tensor& mask) const;
    // As SwinV2's; the mask token belongs to the patch embedding, and the decoder is on top.
    std::optional<int64_t> layer_of(const std::string& parameter) const override;
    int64_t stride() const { return stride_; }  // pixels that one position of the last map stands for, an axis

  private:
    int64_t stride_;
    Parameter mask_token_;  // [1, 1, C]
    LayerNorm norm_;
    Conv2d decoder_;  // 1 x 1, to in_chans stride^2
};

}  // namespace swingrad

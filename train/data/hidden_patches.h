// Images of which a model sees only part, and tells the rest: samples for SimMIM (models/simmim).
#pragma once

#include "train/data/batch.h"

#include <cstdint>
#include <memory>

namespace swingrad {

// Source: Xie et al., "SimMIM", arXiv 2111.09886, section 3.2, and Microsoft's names of the settings.
struct Hiding {
    int64_t patch = 4;        // pixels an axis of a token
    int64_t mask_patch = 32;  // pixels an axis of what is hidden as one: a multiple of `patch`, and the image of it
    double ratio = 0.6;       // of them are hidden
    int64_t norm_window =
        0;  // what is to be told is normalised over so many pixels around (models/simmim/loss.h); 0: as it is
};

// inputs [B, H, W, 4]: images as ImageSamples has them, and as fourth channel 1 in pixels that are hidden, else 0.
// targets the same with what is to be told in place of the images. What is hidden of an image is drawn by its number,
// in training anew in every epoch.
class HiddenPatches final : public Samples {
  public:
    HiddenPatches(std::unique_ptr<ImageSamples> images, const Hiding& hiding);

    int64_t size() const override { return images_->size(); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override;
    std::vector<int64_t> order_of_epoch(int64_t epoch, Random random) const override {
        return images_->order_of_epoch(epoch, random);
    }
    const Dataset* images() const override { return images_->images(); }
    const PictureInput* picture_input() const override { return images_->picture_input(); }

  private:
    const std::unique_ptr<ImageSamples> images_;
    const Hiding hiding_;
};

// images float32 [B, H, W, C], of the numbers given, as such a batch; what is hidden drawn from `random`.
Batch hidden_patches(const Tensor& images, std::span<const int64_t> numbers, const Hiding& hiding, Random random);

}  // namespace swingrad

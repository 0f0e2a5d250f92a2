// Images whose every pixel has a class, as samples for a model that says it of each.
#pragma once

#include "train/data/batch.h"

#include <memory>
#include <optional>
#include <span>

namespace swingrad {

// inputs [B, H, W, 3] as ImageSamples has them, targets int64 [B, H, W]: a class, or 255 where it is unknown, and in
// the border that a crop or a fitting adds. Picture and mask are scaled, cut and flipped alike, the mask without
// interpolation; what changes colours changes the picture alone.
class MaskedSamples final : public Samples {
  public:
    // The dataset must have masks. One that is moved in is kept; any other must outlive the samples. Throws an Error
    // where the augmentation has what masks cannot follow: policies, mixing, erasing.
    MaskedSamples(const Dataset& data, const Normalisation& normalisation,
                  const std::optional<Augmentation>& augmentation = {}, const Preparation& preparation = {});
    MaskedSamples(Dataset&& data, const Normalisation& normalisation,
                  const std::optional<Augmentation>& augmentation = {}, const Preparation& preparation = {});

    int64_t size() const override { return data_->size(); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override;
    std::vector<int64_t> order_of_epoch(int64_t epoch, Random random) const override;
    bool labels_pixels() const override { return true; }
    const Dataset* images() const override { return data_; }
    const PictureInput* picture_input() const override { return &input_; }

  private:
    const std::shared_ptr<const Dataset> kept_;
    const Dataset* data_;
    const PictureInput input_;
    const std::optional<Augmentation> augmentation_;
    const Preparation preparation_;
};

}  // namespace swingrad

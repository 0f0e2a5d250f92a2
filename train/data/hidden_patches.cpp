#include "train/data/hidden_patches.h"

#include "models/simmim/loss.h"
#include "models/simmim/masks.h"

namespace swingrad {
namespace {

constexpr uint64_t hiding_purpose = 0x68696465;  // apart from what an augmentation draws for an image

}  // namespace

Batch hidden_patches(const Tensor& images, std::span<const int64_t> numbers, const Hiding& hiding, Random random) {
    const Extent tokens{images.shape()[1] / hiding.patch, images.shape()[2] / hiding.patch};
    const Tensor masks = draw_masks(numbers, tokens, hiding.mask_patch / hiding.patch, hiding.ratio, random);
    const Tensor target = hiding.norm_window > 0 ? locally_normalised(images, hiding.norm_window) : images;
    return {with_mask(images, masks), with_mask(target, masks)};
}

HiddenPatches::HiddenPatches(std::unique_ptr<ImageSamples> images, const Hiding& hiding)
    : images_(std::move(images)), hiding_(hiding) {}

Batch HiddenPatches::batch(std::span<const int64_t> indices, const Random* augmentation) const {
    const Tensor images = images_->batch(indices, augmentation).inputs;
    return hidden_patches(images, indices, hiding_, (augmentation ? *augmentation : Random{}).split(hiding_purpose));
}

}  // namespace swingrad

#include "train/data/hidden_patches.h"

#include "models/simmim/loss.h"
#include "models/simmim/masks.h"

namespace swingrad {
namespace {

constexpr uint64_t hiding_purpose = 0x68696465;  // apart from what an augmentation draws for an image

// images [B, H, W, C] and masks uint8 [B, H/p, W/p] -> [B, H, W, C + 1]
Tensor with_mask(const Tensor& images, const Tensor& masks) {
    const int64_t B = images.shape()[0], H = images.shape()[1], W = images.shape()[2], C = images.shape()[3];
    const int64_t h = masks.shape()[1], w = masks.shape()[2];
    Tensor both = images.empty_like({B, H, W, C + 1});
    const auto* from = images.data<float>();
    auto* to = both.data<float>();
    for (int64_t b = 0; b < B; ++b)
        for (int64_t i = 0; i < H; ++i)
            for (int64_t j = 0; j < W; ++j) {
                for (int64_t c = 0; c < C; ++c) *to++ = *from++;
                *to++ = masks.data<uint8_t>()[(b * h + i * h / H) * w + j * w / W];
            }
    return both;
}

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

// A mask goes the way of its picture by the same functions and the same draws: as a picture whose three channels are
// the class, scaled to the nearest pixel, with 255 where there is nothing.

#include "train/data/masked_samples.h"

#include "core/error.h"
#include "train/data/sources.h"
#include "train/data/workers.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Colour nothing{255, 255, 255};

Tensor as_picture(const Tensor& mask) {
    const Tensor picture = Tensor::empty({mask.shape()[0], mask.shape()[1], 3}, DType::uint8);
    uint8_t* to = picture.data<uint8_t>();
    for (const uint8_t one : mask.span<uint8_t>()) to = std::fill_n(to, 3, one);
    return picture;
}

const Dataset& with_masks(const Dataset& data) {
    check(data.masks && data.masks->size() == data.size(), "[masks] {} images have {} masks", data.size(),
          data.masks ? data.masks->size() : 0);
    return data;
}

std::optional<Augmentation> checked(const std::optional<Augmentation>& augmentation) {
    if (!augmentation) return augmentation;
    check_augmentation(*augmentation);
    check(augmentation->policy.sequences.empty() && !augmentation->mixing.active() &&
              augmentation->erasing.probability == 0,
          "[masks] a mask follows crops and flips alone, no policy, no mixing and no erasing");
    return augmentation;
}

// What a picture's mask has in common with it: all but how it is interpolated and what fills it.
Augmentation of_masks(Augmentation augmentation) {
    if (augmentation.resized_crop) augmentation.resized_crop->interpolation = Interpolation::nearest;
    augmentation.colour_jitter = 0;
    return augmentation;
}

void normalise(const Tensor& picture, const Normalisation& normalisation, float* to) {
    const uint8_t* pixel = picture.data<uint8_t>();
    for (int64_t i = 0; i < picture.numel() / 3; ++i)
        for (size_t channel = 0; channel < 3; ++channel)
            *to++ = (static_cast<float>(*pixel++) / 255.0f - normalisation.mean[channel]) /
                    normalisation.deviation[channel];
}

}  // namespace

MaskedSamples::MaskedSamples(const Dataset& data, const Normalisation& normalisation,
                             const std::optional<Augmentation>& augmentation, const Preparation& preparation)
    : data_(&with_masks(data)),
      input_{data.extent(), normalisation, preparation.fitting},
      augmentation_(checked(augmentation)),
      preparation_(preparation) {}

MaskedSamples::MaskedSamples(Dataset&& data, const Normalisation& normalisation,
                             const std::optional<Augmentation>& augmentation, const Preparation& preparation)
    : kept_(std::make_shared<const Dataset>(std::move(data))),
      data_(&with_masks(*kept_)),
      input_{data_->extent(), normalisation, preparation.fitting},
      augmentation_(checked(augmentation)),
      preparation_(preparation) {}

Batch MaskedSamples::batch(std::span<const int64_t> indices, const Random* random) const {
    const auto count = static_cast<int64_t>(indices.size());
    const Extent extent = input_.extent;
    const int64_t pixels = extent.rows * extent.columns;
    const Batch batch{Tensor::empty({count, extent.rows, extent.columns, 3}),
                      Tensor::empty({count, extent.rows, extent.columns}, DType::int64)};
    const bool augmented = random && augmentation_;
    const Colour mean = mean_colour(input_.normalisation);
    Fitting fitting = preparation_.fitting, of_mask = fitting;
    fitting.fill = mean;
    of_mask.interpolation = Interpolation::nearest, of_mask.fill = nothing;
    if (augmented) fitting.crop_share = of_mask.crop_share = 1;  // crops are left to chance
    by_workers(count, preparation_.workers, [&](int64_t i) {
        const int64_t index = indices[static_cast<size_t>(i)];
        check(index >= 0 && (augmented || index < size()), "[masks] sample must be 0 to {}, got {}", size() - 1, index);
        const Sample sample = augmented ? sample_of(index, size(), *augmentation_) : Sample{index, index, false};
        const Tensor picture = data_->image(sample.image), mask = data_->masks->read(sample.image);
        check(mask.shape() == Shape{picture.shape()[0], picture.shape()[1]}, "[masks] image {} is {}, its mask {}",
              sample.image, picture.shape(), mask.shape());
        const auto made = [&](const Tensor& of, const Augmentation& augmentation, const Fitting& how) {
            return augmented ? augmented_pixels(of, sample, augmentation, extent, how, how.fill, *random)
                             : fitted(of, extent, how);
        };
        const Augmentation any = augmentation_.value_or(Augmentation{});
        normalise(made(picture, any, fitting), input_.normalisation, batch.inputs.data<float>() + i * pixels * 3);
        const Tensor classes = made(as_picture(mask), of_masks(any), of_mask);
        for (int64_t p = 0; p < pixels; ++p)
            batch.targets.data<int64_t>()[i * pixels + p] = classes.data<uint8_t>()[p * 3];
    });
    return batch;
}

std::vector<int64_t> MaskedSamples::order_of_epoch(int64_t epoch, Random random) const {
    return swingrad::order_of_epoch(size(), epoch, augmentation_.value_or(Augmentation{}), random);
}

}  // namespace swingrad

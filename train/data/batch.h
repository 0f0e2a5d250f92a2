// From images of a dataset to a model's input.
#pragma once

#include "train/data/dataset.h"
#include "train/data/samples.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace swingrad {

// Per channel: (pixel / 255 - mean) / deviation.
struct Normalisation {
    std::array<float, 3> mean, deviation;
};

// Throws an Error that begins with the name given where a mean is not in [0, 1] or a deviation not in [0.001, 1]; not a
// number is in neither. Says so where they are on a scale of 255.
void check_normalisation(const Normalisation& normalisation, const std::string& mean, const std::string& deviation);

// The statistics of a training set by its name: "shapes", "cifar10", "cifar100". CIFAR-10's for any other, whose own
// have not been measured.
Normalisation normalisation_of(const std::string& name);

// How a picture becomes a model's input: fitted to this extent (train/data/resize.h), then normalised.
struct PictureInput {
    Extent extent;
    Normalisation normalisation;
};
// A picture, uint8 [rows, columns, 3] of any size, as that: float32 [1, extent.rows, extent.columns, 3].
Tensor input_of(const PictureInput& how, const Tensor& picture);

struct Augmentation {
    int64_t crop_padding = 4;  // pixels of border added on each side before a crop of the old size
    double flip = 0.5;         // how often left and right are exchanged
};

// The images `indices`, in that order: float32 [B, H, W, 3], normalised, with labels [B]. The border of a crop is zero
// after normalisation: the mean colour. Crop and flip are drawn from `random` by the sample's index, so they do not
// depend on which batch it is in; give each epoch a stream of its own. `augmentation` may be null: images as they are.
Batch make_batch(const Dataset& data, std::span<const int64_t> indices, const Normalisation& normalisation,
                 const Augmentation* augmentation, Random random);

// A dataset as samples: augmented in training, where there is an augmentation. A dataset that is moved in is kept; any
// other must outlive the samples.
class ImageSamples final : public Samples {
  public:
    ImageSamples(const Dataset& data, const Normalisation& normalisation,
                 const std::optional<Augmentation>& augmentation = {})
        : data_(&data), input_{data.extent(), normalisation}, augmentation_(augmentation) {}
    ImageSamples(Dataset&& data, const Normalisation& normalisation,
                 const std::optional<Augmentation>& augmentation = {})
        : kept_(std::make_shared<const Dataset>(std::move(data))),
          data_(kept_.get()),
          input_{data_->extent(), normalisation},
          augmentation_(augmentation) {}

    int64_t size() const override { return data_->size(); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        const bool augmented = augmentation && augmentation_;
        return make_batch(*data_, indices, input_.normalisation, augmented ? &*augmentation_ : nullptr,
                          augmented ? *augmentation : Random{});
    }
    const Dataset* images() const override { return data_; }
    const PictureInput* picture_input() const override { return &input_; }

  private:
    const std::shared_ptr<const Dataset> kept_;
    const Dataset* data_;
    const PictureInput input_;
    const std::optional<Augmentation> augmentation_;
};

}  // namespace swingrad

// From images of a dataset to a model's input.
#pragma once

#include "train/data/augmentation.h"
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

// The mean in bytes.
Colour mean_colour(const Normalisation& normalisation);

// The statistics of a training set by its name: "shapes", "cifar10", "cifar100". CIFAR-10's for any other, whose own
// have not been measured.
Normalisation normalisation_of(const std::string& name);

// How pictures are brought to the model's size where nothing is left to chance, and by how many threads batches are
// made that take time: of pictures that are decoded, scaled, or changed by a policy. What is made does not depend on
// them.
struct Preparation {
    Fitting fitting = {};
    int64_t workers = 1;
};

// How a picture becomes a model's input: fitted to this extent (train/data/pixels/resize.h), what it leaves of that in
// the mean colour, then normalised.
struct PictureInput {
    Extent extent;
    Normalisation normalisation;
    Fitting fitting = {};
};
// A picture, uint8 [rows, columns, 3] of any size, as that: float32 [1, extent.rows, extent.columns, 3].
Tensor input_of(const PictureInput& how, const Tensor& picture);

// The images `indices`, in that order: float32 [B, H, W, 3], normalised, with labels [B], or, where they are mixed,
// targets float32 [B, classes]. The border of a crop is the mean colour: zero after normalisation. What is random is
// drawn from `random` by the sample's index, so it does not depend on which batch it is in, but for whom it is mixed
// with; give each epoch a stream of its own. `augmentation` may be null: images as they are. Else an index may be any
// number of order_of_epoch.
Batch make_batch(const Dataset& data, std::span<const int64_t> indices, const Normalisation& normalisation,
                 const Augmentation* augmentation, Random random, const Preparation& preparation = {});

// A dataset as samples: augmented in training, where there is an augmentation. A dataset that is moved in is kept; any
// other must outlive the samples.
class ImageSamples final : public Samples {
  public:
    ImageSamples(const Dataset& data, const Normalisation& normalisation,
                 const std::optional<Augmentation>& augmentation = {}, const Preparation& preparation = {})
        : data_(&data),
          input_{data.extent(), normalisation, preparation.fitting},
          augmentation_(augmentation),
          preparation_(preparation) {}
    ImageSamples(Dataset&& data, const Normalisation& normalisation,
                 const std::optional<Augmentation>& augmentation = {}, const Preparation& preparation = {})
        : kept_(std::make_shared<const Dataset>(std::move(data))),
          data_(kept_.get()),
          input_{data_->extent(), normalisation, preparation.fitting},
          augmentation_(augmentation),
          preparation_(preparation) {}

    int64_t size() const override { return data_->size(); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        const bool augmented = augmentation && augmentation_;
        return make_batch(*data_, indices, input_.normalisation, augmented ? &*augmentation_ : nullptr,
                          augmented ? *augmentation : Random{}, preparation_);
    }
    std::vector<int64_t> order_of_epoch(int64_t epoch, Random random) const override {
        return swingrad::order_of_epoch(size(), epoch, augmentation_.value_or(Augmentation{}), random);
    }
    bool mixes_classes() const override { return augmentation_ && augmentation_->mixing.active(); }
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

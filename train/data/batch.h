// From samples of a dataset to a model's input.
#pragma once

#include "train/data/dataset.h"

#include <array>
#include <span>
#include <vector>

namespace swingrad {

// Per channel: (pixel / 255 - mean) / deviation.
struct Normalisation {
    std::array<float, 3> mean, deviation;
};

// The statistics of a training set by its name: "shapes", "cifar10", "cifar100". CIFAR-10's for any other, whose own
// have not been measured.
Normalisation normalisation_of(const std::string& name);

struct Augmentation {
    int64_t crop_padding = 4;  // pixels of border added on each side before a crop of the old size
    double flip = 0.5;         // how often left and right are exchanged
};

struct Batch {
    Tensor images;  // float32 [B, H, W, 3], normalised
    Tensor labels;  // int64 [B]
};

// The samples `indices`, in that order. The border of a crop is zero after normalisation: the mean colour. Crop and
// flip are drawn from `random` by the sample's index, so they do not depend on which batch it is in; give each
// epoch a stream of its own. `augmentation` may be null: images as they are.
Batch make_batch(const Dataset& data, std::span<const int64_t> indices, const Normalisation& normalisation,
                 const Augmentation* augmentation, Random random);

// 0 .. count-1 in random order.
std::vector<int64_t> shuffled(int64_t count, Random random);

}  // namespace swingrad

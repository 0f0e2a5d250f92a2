// Datasets: how pictures to learn from lie in memory. What reads them: train/data/sources.h.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"
#include "train/data/pictures.h"

#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// Images and their labels. Either all images have one size and lie decoded in `images`, or they are `pictures` of sizes
// of their own, which batches bring to the size `fitted_to`.
struct Dataset {
    std::vector<std::string> classes;  // names, in label order
    Tensor images;                     // uint8 [n, H, W, 3]; undefined where there are pictures
    std::vector<int64_t> labels;       // [n], in 0 .. classes.size() - 1
    SharedPictures pictures = {};      // n
    Extent fitted_to = {};             // of pictures
    // Where each pixel has a class: n masks, read as uint8 [H, W] of the image's extent, each a class or 255 for none.
    // Then labels say nothing and are 0.
    SharedPictures masks = {};

    int64_t size() const { return static_cast<int64_t>(labels.size()); }
    // Of the images in batches.
    Extent extent() const { return pictures ? fitted_to : Extent{images.shape()[1], images.shape()[2]}; }
    // Whether one has another size than batches have.
    bool has_other_sizes() const;
    // One image as it is, uint8 [H, W, 3]. Pictures that are not in memory are read, which may throw an Error.
    Tensor image(int64_t index) const;
    Extent extent_of(int64_t index) const;  // of that
};

enum class Split { train, validation, test };

// The samples `indices`, in that order.
Dataset subset(const Dataset& data, const std::vector<int64_t>& indices);

// Keeps a random `fraction` in [0, 1) of the samples back, of each class the same: rounded to nearest, but of two or
// more at least one on either side, and an only one is not kept back. {rest, held_out}, both in the order they had. 0
// holds nothing back, and copies nothing.
std::pair<Dataset, Dataset> hold_out(const Dataset& data, double fraction, Random random);

}  // namespace swingrad

// Images that say most about a model: those it gets most wrong, and those it is surest of.
#pragma once

#include "train/data/dataset.h"
#include "train/loop/prediction.h"

#include <string>
#include <vector>

namespace swingrad {

// Numbers of images: the highest loss first, at most `most`. Images whose loss is not a number come last.
std::vector<int64_t> worst(const std::vector<Prediction>& predictions, size_t most);
// The most probable of those predicted rightly first, at most `most`, and of each class no more than its fair part of
// them, rounded up: the easiest class would often be alone.
std::vector<int64_t> surest(const std::vector<Prediction>& predictions, const std::vector<int64_t>& labels,
                            size_t most);

// uint8 [H, W, 3] made smaller by a whole factor, each pixel the mean of a square of them, until no side is longer
// than `most`. The image itself where none is.
Tensor shrunk(const Tensor& image, int64_t most);

// The images as pictures with their classes, as HTML.
std::string html_of_images(const Dataset& data, const std::vector<Prediction>& predictions,
                           const std::vector<int64_t>& images);

}  // namespace swingrad

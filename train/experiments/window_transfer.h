// A trained model with other windows, on images of another size: what can be said of it besides its accuracy.
#pragma once

#include "models/nn/parameters.h"
#include "models/swin/config.h"
#include "ops/window.h"
#include "train/data/dataset.h"

#include <vector>

namespace swingrad {

// The same images at another size, resized bicubically (train/data/pixels/resize.h).
Dataset resized(const Dataset& data, Extent extent);

// By how much of the range that a window of `from` tokens trains the coordinates of a window of `to` tokens leave it,
// along one axis: (largest of `to` - largest of `from`) / largest of `from`.
double extrapolation(OffsetScale scale, int64_t from, int64_t to);

// The position bias of a head of the first block by offset between query and key, as an image of 2 window - 1 rows and
// columns: down from -(window - 1) to window - 1, and across. `parameters` are of a model of this configuration.
std::vector<double> bias_map(const SwinConfig& config, const Parameters& parameters, int64_t head);

}  // namespace swingrad

// A dataset at another size.
#pragma once

#include "train/data/dataset.h"
#include "train/data/pixels/resize.h"

namespace swingrad {

// The same images for batches of this extent: those of one size are resized, once and in memory, each side by itself;
// pictures of any size are brought to it as ever, when a batch has them. Not for datasets with masks.
Dataset resized_to(const Dataset& data, Extent extent, Interpolation interpolation);

}  // namespace swingrad

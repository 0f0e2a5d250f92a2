// The residual stream of a model, as it leaves each block.
#pragma once

#include "models/swin/swin_v2.h"
#include "train/data/batch.h"

#include <string>
#include <vector>

namespace swingrad {

struct StreamStatistics {
    std::string block;     // "layers.0.blocks.1"
    double amplitude = 0;  // mean of |x| over images, tokens and channels
    double deviation = 0;  // standard deviation of x over the same
    double largest = 0;    // of |x|
};

// Of one tensor, of any floating type and device.
StreamStatistics statistics_of(std::string name, const Tensor& x);

// After every block in order, for images [B, H, W, C] as they are, nothing random, nothing recorded.
std::vector<StreamStatistics> stream_statistics(const SwinV2& model, const Tensor& images);

// All images of a dataset at once, as they are.
Batch whole_batch(const Dataset& data, const Normalisation& normalisation);

}  // namespace swingrad

// Datasets: how pictures to learn from lie in memory. What reads them: train/data/sources.h.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"

#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// All images decoded, in memory.
struct Dataset {
    std::vector<std::string> classes;  // names, in label order
    Tensor images;                     // uint8 [n, H, W, 3]
    std::vector<int64_t> labels;       // [n], in 0 .. classes.size() - 1

    int64_t size() const { return static_cast<int64_t>(labels.size()); }
    Extent extent() const { return {images.shape()[1], images.shape()[2]}; }
};

enum class Split { train, validation, test };

// Keeps a random `fraction` in [0, 1) of the samples back, of each class the same: rounded to nearest, but of two or
// more at least one on either side, and an only one is not kept back. {rest, held_out}, both in the order they had. 0
// holds nothing back, and copies nothing.
std::pair<Dataset, Dataset> hold_out(const Dataset& data, double fraction, Random random);

}  // namespace swingrad

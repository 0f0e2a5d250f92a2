// What the experiment scaling makes of its results.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

inline constexpr std::array scaling_families{"V2, res-post-norm", "V2, pre-norm", "ResNet-14"};

struct ScalingResults {
    int64_t seeds;
    size_t sizes;
    double images_seen;  // in a training, the same of each several times
    // By family, size, seed: {"stopped", "size", "parameters", "multiply_adds" of an image, "loss" and "accuracy" on
    // test images}.
    std::vector<nlohmann::json> all;
};

// Tables, figures and sentences; all but the setup.
Findings scaling_findings(const ScalingResults& results);

}  // namespace swingrad

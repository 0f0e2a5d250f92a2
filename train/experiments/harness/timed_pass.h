// One training step without its optimiser, for experiments that measure what a step needs.
#pragma once

#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "train/experiments/harness/experiment.h"

namespace swingrad {

class TimedPass {
  public:
    // A model with random weights and a batch of so many random images, where the settings say.
    TimedPass(const SwinConfig& config, int64_t images, const ExperimentSettings& settings);

    // Forward and backward. Returns how many seconds they took.
    double take();

  private:
    const Device device_;
    SwinV2 model_;
    const Parameters parameters_;
    Tensor images_, labels_;
};

double median(std::vector<double> values);  // of at least one; of an even number the upper of the two in the middle

}  // namespace swingrad

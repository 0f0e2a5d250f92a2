// Test-time augmentation by mirror images: what a model says of a picture and of its mirror image, together.
#pragma once

#include "models/nn/module.h"

namespace swingrad {

// images [B, H, W, C], on any device, with left and right exchanged.
Tensor mirrored(const Tensor& images);

// A classifier of images that asks another one twice. Puts out the logarithm of the mean of both probabilities [B, K],
// which as logits give just these probabilities. The mean is taken of probabilities, not of logits, as the loss of a
// mean is at most the mean of the losses: a pass that is sure and wrong counts for no more than half. For evaluation
// alone: nothing is recorded.
class BothWays : public Module {
  public:
    explicit BothWays(const Module& model) : model_(model) {}
    Tensor forward(const Tensor& images) const override;

  private:
    const Module& model_;
};

}  // namespace swingrad

// Colour jitter: brightness, contrast and saturation of a picture changed at random, in random order.
#pragma once

#include "core/tensor.h"
#include "train/data/pixels/draws.h"

namespace swingrad {

// uint8 [H, W, 3]: each by a factor in 1 - strength .. 1 + strength, at least 0, as torchvision's ColorJitter does with
// three equal strengths and no hue.
Tensor jittered(const Tensor& image, double strength, Draws& draws);

}  // namespace swingrad

// The operations that policies of augmentation are made of, by the names of AutoAugment's paper and timm, each with how
// far it goes at a magnitude of 0 to 10.
#pragma once

#include "train/data/pixels/affine.h"
#include "train/data/pixels/draws.h"

#include <string>

namespace swingrad {

// The picture, uint8 [H, W, 3], changed by this magnitude. Which way is drawn, where there are two.
using PolicyOperation = Tensor (*)(const Tensor& image, double magnitude, const Ground& ground, Draws& draws);

// Throws an Error where there is none of this name.
PolicyOperation policy_operation(const std::string& name);

}  // namespace swingrad

// Images of a batch on one sheet, to be looked at.
#pragma once

#include "train/data/batch.h"

namespace swingrad {

// Normalised images, float32 [B, H, W, 3], the first 64 of them, in rows of eight with a line of two pixels between,
// as uint8 [rows, columns, 3]. What lies beyond black or white is cut off. Small images are enlarged by a whole factor.
// With a fourth channel, pixels where that is not 0 are hidden (train/data/hidden_patches.h), and grey.
Tensor contact_sheet(const Tensor& images, const Normalisation& normalisation);

}  // namespace swingrad

// Classes of the pixels of a picture of any size, by a model of one size.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/batch.h"

#include <cstdint>
#include <vector>

namespace swingrad {

// Where windows begin along an axis of n pixels: every two thirds of a window, the last one at the end. {0} where the
// axis is no longer than a window.
std::vector<int64_t> window_starts(int64_t n, int64_t window);

// Of a picture, uint8 [rows, columns, 3]: float32 logits [rows, columns, K] on the CPU, the mean over the windows that
// cover a pixel. What a window has beyond the picture is the mean colour. The model maps [B, H, W, 3] of `input`'s
// extent to [B, H, W, K], and is in evaluation; nothing is recorded. input.fitting is passed over: no pixel is scaled.
// Throws an Error where a logit is not finite.
Tensor logits_of_pixels(Module& model, const Parameters& parameters, const PictureInput& input, const Tensor& picture);

// float32 logits [..., K] -> uint8 [...], the largest logit's class, of several the first. K is at most 255.
Tensor classes_of_pixels(const Tensor& logits);

}  // namespace swingrad

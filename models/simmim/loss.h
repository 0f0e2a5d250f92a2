// What a model of masked images shall tell, and how wrong it is.
// Source: Xie et al., "SimMIM", arXiv 2111.09886; the local normalisation is that of Swin V2's published pre-training.
#pragma once

#include "core/tensor.h"

namespace swingrad {

// images [B, H, W, C] on the CPU, float32 or float64 -> the same shape and dtype: each pixel less the mean of the
// `window` x `window` pixels around it in its channel, over their standard deviation. n pixels of the window lie in the
// image; the variance is over n - 1, and 1e-6 is added to it. Throws an Error unless the window is odd and at least 3,
// and the image at least 2 x 2.
Tensor locally_normalised(const Tensor& images, int64_t window);

// reconstruction [B, H, W, C] and, as with_mask() (models/simmim/masks.h) joins them, its target and mask
// [B, H, W, C + 1], of one dtype and on one device -> a scalar: the sum of |target - reconstruction| over the pixels of
// masked patches, over (masked pixels + 1e-5), over C. Masked pixels are counted over the whole batch. The target is a
// constant. Throws an Error where shapes do not fit.
Tensor masked_l1(const Tensor& reconstruction, const Tensor& target_and_mask);

}  // namespace swingrad

// Pictures, uint8 [H, W, 3], mixed with a version of them that lacks something. A factor of 1 is the picture itself, 0
// the lesser version, and what lies beyond 1 has more of it than the picture. The bits are those of Pillow's
// ImageEnhance.
#pragma once

#include "core/tensor.h"

namespace swingrad {

Tensor with_colour(const Tensor& image, double factor);      // 0: grey
Tensor with_contrast(const Tensor& image, double factor);    // 0: the mean grey everywhere
Tensor with_brightness(const Tensor& image, double factor);  // 0: black
Tensor with_sharpness(const Tensor& image,
                      double factor);  // 0: each pixel's neighbours weigh 8 of 13, at the edges none

}  // namespace swingrad

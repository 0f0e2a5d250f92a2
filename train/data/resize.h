// Pictures of any size to the size a model takes.
#pragma once

#include "core/shape.h"
#include "core/tensor.h"

namespace swingrad {

// uint8 [H, W, 3] -> uint8 [rows, columns, 3] by cubic convolution (a = -1/2), widened by the factor of reduction so
// that nothing is skipped; first along rows, rounded to 8 bits, then along columns. The bits are those of Pillow's
// Image.resize(..., BICUBIC), but for images that recent versions of it take columns first.
Tensor resized(const Tensor& image, Extent size);

// The usual way to show a model a picture: scaled until it covers `size` and one side fits, the other rounded down,
// then the middle of it cut out. An image of this size is returned as it is.
Tensor fitted(const Tensor& image, Extent size);

}  // namespace swingrad

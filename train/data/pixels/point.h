// Operations on each byte of a picture by itself, uint8 [H, W, 3] -> uint8 [H, W, 3]: a table of 256 values, made from
// a parameter or from the picture's own histogram. The bits are those of Pillow's ImageOps.
#pragma once

#include "core/tensor.h"

namespace swingrad {

Tensor inverted(const Tensor& image);
// The highest `bits` bits of each byte, 0 to 8.
Tensor posterized(const Tensor& image, int64_t bits);
// Bytes of at least `threshold` inverted: 0 inverts all, 256 none.
Tensor solarized(const Tensor& image, int64_t threshold);
// `added` to bytes below 128, at most to 255.
Tensor brightened_below_half(const Tensor& image, int64_t added);
// Each channel stretched so that its least byte is 0 and its greatest 255.
Tensor with_full_contrast(const Tensor& image);
// Each channel's histogram made as flat as a table can.
Tensor equalized(const Tensor& image);

}  // namespace swingrad

// Which side of a picture is up: a number of EXIF, 1 to 8, that cameras write instead of turning the pixels.
#pragma once

#include "core/tensor.h"

#include <string_view>

namespace swingrad {

// Of EXIF's bytes, which are those of a TIFF file; 1, upright, where they say nothing that can be.
int exif_orientation(std::string_view tiff);

// uint8 [H, W, 3] -> the picture as it is to be seen: [W, H, 3] for 5 to 8, which lie on their side.
Tensor upright(const Tensor& image, int orientation);

}  // namespace swingrad

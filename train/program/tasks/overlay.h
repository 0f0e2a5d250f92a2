// Classes of pixels as colours over their picture.
#pragma once

#include "train/data/pixels/resize.h"

#include <string>
#include <vector>

namespace swingrad {

// A class's colour: hues as far apart as can be.
Colour colour_of_class(int64_t k);

// Of a picture, uint8 [H, W, 3], and classes, uint8 [H, W]: each pixel mixed with its class's colour. A class named
// "background" and 255, which is none, leave the picture as it is.
Tensor overlay(const Tensor& picture, const Tensor& classes, const std::vector<std::string>& names);

}  // namespace swingrad

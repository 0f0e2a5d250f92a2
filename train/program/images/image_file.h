// Reading and writing pictures: libjpeg-turbo and libpng behind two functions.
#pragma once

#include "core/tensor.h"

#include <filesystem>
#include <string>

namespace swingrad {

// A JPEG or PNG file, told apart by content, as uint8 [H, W, 3]. JPEG is decoded exactly (slow integer transform,
// smooth upsampling of colour), as Pillow does. Grey becomes red = green = blue, alpha is dropped, 16 bits are
// rounded to 8; colour profiles, gamma and orientation tags are ignored. Throws an Error with the file's name for
// anything else: CMYK, more than 2^28 pixels, damage (also such as libjpeg would only warn of), a missing end.
Tensor read_image(const std::filesystem::path& path);

// uint8 [H, W, 3], or [H, W] as grey, as the bytes of a PNG file.
std::string png_of(const Tensor& image);
// The same into a file, replaced in one move.
void write_png(const std::filesystem::path& path, const Tensor& image);

}  // namespace swingrad

// Pictures of any size to the size a model takes.
#pragma once

#include "core/shape.h"
#include "core/tensor.h"

#include <array>
#include <string>

namespace swingrad {

using Colour = std::array<uint8_t, 3>;  // red, green, blue

enum class Interpolation { bilinear, bicubic, nearest };  // the last for masks, whose numbers have no mean

// How a picture that is judged is brought to the model's size, with the options of timm.
enum class CropMode {
    center,  // scaled until it covers the size, and the middle cut out
    border,  // scaled until the size covers it, and the rest filled
    squash,  // each side scaled by itself
};
struct Fitting {
    // In (0, 1]. The picture is scaled to the size over this share, rounded down, before the middle is cut out.
    double crop_share = 1;
    CropMode mode = CropMode::center;
    Interpolation interpolation = Interpolation::bicubic;
    Colour fill{};  // of border
};

// Both by the words of flags: "bilinear", "bicubic"; "center", "border", "squash". Throw an Error that lists them.
Interpolation interpolation_named(const std::string& name);
CropMode crop_mode_named(const std::string& name);

// Throws an Error unless `image` is uint8 [H, W, 3] of at least a pixel. `who` begins the message.
void check_pixels(const Tensor& image, const char* who);

// uint8 [H, W, 3] -> uint8 [rows, columns, 3] by linear interpolation, or by cubic convolution (a = -1/2), widened by
// the factor of reduction so that nothing is skipped (antialiasing); first along rows, rounded to 8 bits, then along
// columns. The bits are those of Pillow's Image.resize, but for images that recent versions of it take columns first.
// Nearest: the pixel that covers the middle of the new one.
Tensor resized(const Tensor& image, Extent size, Interpolation interpolation = Interpolation::bicubic);

// A picture as a model is shown it: scaled, and the middle of it cut out. An image of this size is returned as it is
// where the share is 1. Sizes and corners are rounded as torchvision and timm round them.
Tensor fitted(const Tensor& image, Extent size, const Fitting& how = {});

}  // namespace swingrad

// Crops and flips of pictures, uint8 [H, W, 3].
#pragma once

#include "train/data/pixels/draws.h"
#include "train/data/pixels/resize.h"

namespace swingrad {

// A part of a picture, chosen at random and brought to the model's size.
struct ResizedCrop {
    std::array<double, 2> scale{0.08, 1};           // its area, as a share of the picture's
    std::array<double, 2> ratio{3.0 / 4, 4.0 / 3};  // its width over its height
    Interpolation interpolation = Interpolation::bicubic;
};

struct Box {
    int64_t top = 0, left = 0, rows = 0, columns = 0;
    bool operator==(const Box&) const = default;
};

// Of an image of this extent. As timm's RandomResizedCropAndInterpolation: ten attempts at an area and a ratio whose
// logarithm is uniform, and then the largest box in the middle whose ratio is allowed.
Box random_box(Extent image, const ResizedCrop& crop, Draws& draws);

// The rows and columns of the box, which must lie within the image.
Tensor cut_out(const Tensor& image, const Box& box);
// The same size, begun at (top, left), which may be negative; `fill` where there is no image.
Tensor shifted(const Tensor& image, int64_t top, int64_t left, const Colour& fill);
// Left and right exchanged.
Tensor flipped(const Tensor& image);

}  // namespace swingrad

// Pictures, uint8 [H, W, 3], sheared, moved and turned within their size. What comes from outside the picture is
// `fill`. The bits are those of Pillow's Image.transform and Image.rotate.
#pragma once

#include "train/data/pixels/resize.h"

namespace swingrad {

// Output pixel (x, y), x counting columns, is the input at (a x + b y + c, d x + e y + f), all of pixels' middles.
struct Affine {
    double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};

struct Ground {
    Interpolation interpolation = Interpolation::bicubic;
    Colour fill{128, 128, 128};
};

Tensor transformed(const Tensor& image, const Affine& affine, const Ground& ground);

Tensor sheared_along_rows(const Tensor& image, double factor, const Ground& ground);
Tensor sheared_along_columns(const Tensor& image, double factor, const Ground& ground);
Tensor moved_along_rows(const Tensor& image, double pixels, const Ground& ground);     // above 0: to the left
Tensor moved_along_columns(const Tensor& image, double pixels, const Ground& ground);  // above 0: upwards
// Counterclockwise about the middle.
Tensor rotated(const Tensor& image, double degrees, const Ground& ground);

}  // namespace swingrad

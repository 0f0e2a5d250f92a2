// With u = a (x + 1/2) + b (y + 1/2) + c and likewise v, a pixel is `fill` where (u, v) is not in [0, W) x [0, H).
// Else it is interpolated between the middles of the pixels around, (u - 1/2, v - 1/2) = (i + s, j + t), i and j whole:
//
//   bilinear   p0 + s (p1 - p0)
//   bicubic    p1 + s ((p2 - p0) + s ((2 (p0 - p1) + p2 - p3) + s (p1 - p0 + p3 - p2)))       p0 at i - 1
//
// first along rows, then along columns, with the edges repeated, in double, and truncated: this cubic has a = -1, and
// is not the one of Pillow's resize. Source: Pillow, "Geometry.c".

#include "train/data/pixels/affine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace swingrad {
namespace {

double linear(const double* p, double s) { return p[0] + (p[1] - p[0]) * s; }

double cubic(const double* p, double s) {
    const double p2 = -p[0] + p[2], p3 = 2 * (p[0] - p[1]) + p[2] - p[3], p4 = -p[0] + p[1] - p[2] + p[3];
    return p[1] + s * (p2 + s * (p3 + s * p4));
}

// The input at (u, v), within it.
void interpolate(const Tensor& image, Interpolation interpolation, double u, double v, uint8_t* to) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    const int64_t taps = interpolation == Interpolation::bilinear ? 2 : 4, before = taps / 2 - 1;
    const double i = std::floor(u - 0.5), j = std::floor(v - 0.5), s = u - 0.5 - i, t = v - 0.5 - j;
    const auto along = taps == 2 ? linear : cubic;
    for (int64_t channel = 0; channel < 3; ++channel) {
        double column[4], row[4];
        for (int64_t y = 0; y < taps; ++y) {
            const int64_t r = std::clamp<int64_t>(static_cast<int64_t>(j) + y - before, 0, rows - 1);
            for (int64_t x = 0; x < taps; ++x) {
                const int64_t c = std::clamp<int64_t>(static_cast<int64_t>(i) + x - before, 0, columns - 1);
                row[x] = image.data<uint8_t>()[(r * columns + c) * 3 + channel];
            }
            column[y] = along(row, s);
        }
        to[channel] = static_cast<uint8_t>(std::clamp(along(column, t), 0.0, 255.0));
    }
}

double rounded_to_15_places(double x) { return std::round(x * 1e15) / 1e15; }

}  // namespace

Tensor transformed(const Tensor& image, const Affine& affine, const Ground& ground) {
    check_pixels(image, "transformed");
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    const auto [a, b, c, d, e, f] = affine;
    const Tensor result = Tensor::empty(image.shape(), DType::uint8);
    uint8_t* to = result.data<uint8_t>();
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t column = 0; column < columns; ++column, to += 3) {
            const double x = static_cast<double>(column) + 0.5, y = static_cast<double>(r) + 0.5;
            const double u = a * x + b * y + c, v = d * x + e * y + f;
            const bool inside = u >= 0 && u < static_cast<double>(columns) && v >= 0 && v < static_cast<double>(rows);
            if (inside) interpolate(image, ground.interpolation, u, v, to);
            else std::copy(ground.fill.begin(), ground.fill.end(), to);
        }
    return result;
}

Tensor sheared_along_rows(const Tensor& image, double factor, const Ground& ground) {
    return transformed(image, {.b = factor}, ground);
}

Tensor sheared_along_columns(const Tensor& image, double factor, const Ground& ground) {
    return transformed(image, {.d = factor}, ground);
}

Tensor moved_along_rows(const Tensor& image, double pixels, const Ground& ground) {
    return transformed(image, {.c = pixels}, ground);
}

Tensor moved_along_columns(const Tensor& image, double pixels, const Ground& ground) {
    return transformed(image, {.f = pixels}, ground);
}

Tensor rotated(const Tensor& image, double degrees, const Ground& ground) {
    check_pixels(image, "rotated");
    if (std::fmod(degrees, 360) == 0) return image;
    const double angle = -degrees * std::numbers::pi / 180;
    const double cosine = rounded_to_15_places(std::cos(angle)), sine = rounded_to_15_places(std::sin(angle));
    const double x = static_cast<double>(image.shape()[1]) / 2, y = static_cast<double>(image.shape()[0]) / 2;
    return transformed(image, {cosine, sine, cosine * -x + sine * -y + x, -sine, cosine, -sine * -x + cosine * -y + y},
                       ground);
}

}  // namespace swingrad

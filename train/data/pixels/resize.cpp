// Output pixel i of an axis reduced from n to m is a weighted mean of input pixels around (i + 1/2) n/m:
//
//   y_i = sum_j w_ij x_j        w_ij ~ f(((j + 1/2) - (i + 1/2) s) / t)        s = n/m        t = max(s, 1)
//
// with weights that sum to 1, in fixed point of 22 bits. f is a triangle (bilinear), or the cubic of Keys, "Cubic
// convolution interpolation for digital image processing", 1981, with a = -1/2. The widening by t and the fixed point
// are as in Pillow.

#include "train/data/pixels/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swingrad {
namespace {

constexpr int fraction_bits = 22;  // a sum of bytes times weights still fits 32 bits: the weights' sizes sum to 1.3

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

double cubic(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

// What one output pixel is made of: inputs first, first + 1, ... by weight.
struct Taps {
    int64_t first;
    std::vector<int32_t> weights;
};

// Output pixels [begin, begin + count) of `to`.
std::vector<Taps> taps_of(int64_t from, int64_t to, int64_t begin, int64_t count, Interpolation interpolation) {
    const bool linear = interpolation == Interpolation::bilinear;
    const double half_width = linear ? 1 : 2;  // both are 0 from there on
    const double step = static_cast<double>(from) / static_cast<double>(to), widening = std::max(step, 1.0);
    std::vector<Taps> taps;
    for (int64_t i = begin; i < begin + count; ++i) {
        const double centre = (static_cast<double>(i) + 0.5) * step;
        if (interpolation == Interpolation::nearest) {
            taps.push_back({std::min(static_cast<int64_t>(centre), from - 1), {1 << fraction_bits}});
            continue;
        }
        const double reach = half_width * widening;
        const int64_t first = std::max<int64_t>(static_cast<int64_t>(std::floor(centre - reach + 0.5)), 0);
        const int64_t end = std::min(static_cast<int64_t>(std::floor(centre + reach + 0.5)), from);
        std::vector<double> weights;
        double sum = 0;
        for (int64_t j = first; j < end; ++j) {
            const double x = (static_cast<double>(j) - centre + 0.5) / widening;
            weights.push_back(linear ? triangle(x) : cubic(x));
            sum += weights.back();
        }
        taps.push_back({first, {}});
        for (const double weight : weights)
            taps.back().weights.push_back(
                static_cast<int32_t>(std::lround(weight / sum * static_cast<double>(1 << fraction_bits))));
    }
    return taps;
}

uint8_t to_pixel(int32_t sum) {
    return static_cast<uint8_t>(std::clamp((sum + (1 << (fraction_bits - 1))) >> fraction_bits, 0, 255));
}

// [H, W, 3] -> [H, taps, 3]
Tensor along_rows(const Tensor& image, const std::vector<Taps>& taps) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1], count = static_cast<int64_t>(taps.size());
    Tensor result = Tensor::empty({rows, count, 3}, DType::uint8);
    uint8_t* out = result.data<uint8_t>();
    for (int64_t r = 0; r < rows; ++r)
        for (const Taps& tap : taps) {
            const uint8_t* in = image.data<uint8_t>() + (r * columns + tap.first) * 3;
            int32_t red = 0, green = 0, blue = 0;
            for (const int32_t weight : tap.weights) {
                red += weight * in[0], green += weight * in[1], blue += weight * in[2];
                in += 3;
            }
            *out++ = to_pixel(red), *out++ = to_pixel(green), *out++ = to_pixel(blue);
        }
    return result;
}

// [H, W, 3] -> [taps, W, 3], a row at a time, so that the inner loop runs along memory
Tensor along_columns(const Tensor& image, const std::vector<Taps>& taps) {
    const int64_t width = image.shape()[1] * 3, count = static_cast<int64_t>(taps.size());
    Tensor result = Tensor::empty({count, image.shape()[1], 3}, DType::uint8);
    uint8_t* out = result.data<uint8_t>();
    std::vector<int32_t> sums(static_cast<size_t>(width));
    int32_t* sum = sums.data();
    for (const Taps& tap : taps) {
        std::fill(sums.begin(), sums.end(), 0);
        const uint8_t* in = image.data<uint8_t>() + tap.first * width;
        for (const int32_t weight : tap.weights) {
            for (int64_t i = 0; i < width; ++i) sum[i] += weight * in[i];
            in += width;
        }
        for (int64_t i = 0; i < width; ++i) *out++ = to_pixel(sum[i]);
    }
    return result;
}

// The part of the image, scaled to `whole`, that begins at `corner` and is `size`; all within it.
Tensor scaled_part(const Tensor& image, Extent whole, Extent corner, Extent size, Interpolation interpolation) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    Tensor result = image;
    if (columns != whole.columns || size.columns != whole.columns)
        result = along_rows(result, taps_of(columns, whole.columns, corner.columns, size.columns, interpolation));
    if (rows != whole.rows || size.rows != whole.rows)
        result = along_columns(result, taps_of(rows, whole.rows, corner.rows, size.rows, interpolation));
    return result;
}

// `image` at `corner` of a picture of `size` in one colour.
Tensor on_ground(const Tensor& image, Extent size, Extent corner, const Colour& fill) {
    const Tensor result = Tensor::empty({size.rows, size.columns, 3}, DType::uint8);
    uint8_t* to = result.data<uint8_t>();
    for (int64_t i = 0; i < size.rows * size.columns; ++i) std::copy(fill.begin(), fill.end(), to + i * 3);
    const int64_t width = image.shape()[1] * 3;
    for (int64_t r = 0; r < image.shape()[0]; ++r)
        std::copy_n(image.data<uint8_t>() + r * width, width,
                    to + ((r + corner.rows) * size.columns + corner.columns) * 3);
    return result;
}

// Half of a length, as Python's round(length / 2) has it: ties to even.
int64_t half(int64_t length) { return std::lrint(static_cast<double>(length) / 2); }

int64_t share_of(int64_t side, double share) {
    return static_cast<int64_t>(std::floor(static_cast<double>(side) / share));
}

// The size that the whole picture is scaled to.
Extent whole_size(Extent image, Extent scale, CropMode mode) {
    if (mode == CropMode::squash) return scale;
    if (mode == CropMode::border) {
        const double ratio = std::max(static_cast<double>(image.rows) / static_cast<double>(scale.rows),
                                      static_cast<double>(image.columns) / static_cast<double>(scale.columns));
        const auto side = [&](int64_t length) {
            return std::max<int64_t>(1, std::lrint(static_cast<double>(length) / ratio));
        };
        return {side(image.rows), side(image.columns)};
    }
    Extent whole = scale;
    if (scale.rows * image.columns >= scale.columns * image.rows)
        whole.columns = image.columns * scale.rows / image.rows;
    else whole.rows = image.rows * scale.columns / image.columns;
    return whole;
}

}  // namespace

Interpolation interpolation_named(const std::string& name) {
    check(name == "bilinear" || name == "bicubic", "interpolation must be bicubic or bilinear, got \"{}\"", name);
    return name == "bilinear" ? Interpolation::bilinear : Interpolation::bicubic;
}

CropMode crop_mode_named(const std::string& name) {
    if (name == "center") return CropMode::center;
    if (name == "border") return CropMode::border;
    check(name == "squash", "the crop mode must be center, border or squash, got \"{}\"", name);
    return CropMode::squash;
}

void check_pixels(const Tensor& image, const char* who) {
    check(image.defined() && image.dtype() == DType::uint8 && image.shape().rank() == 3 && image.shape()[2] == 3 &&
              image.numel() > 0,
          "[{}] expected an image, uint8 [H, W, 3], got {}", who, image);
}

Tensor resized(const Tensor& image, Extent size, Interpolation interpolation) {
    check_pixels(image, "resize");
    check(size.rows > 0 && size.columns > 0, "[resize] the size must be positive, got {} x {}", size.rows,
          size.columns);
    return scaled_part(image, size, {0, 0}, size, interpolation);
}

Tensor fitted(const Tensor& image, Extent size, const Fitting& how) {
    check_pixels(image, "resize");
    check(size.rows > 0 && size.columns > 0, "[resize] the size must be positive, got {} x {}", size.rows,
          size.columns);
    check(how.crop_share > 0 && how.crop_share <= 1, "[resize] the share of a crop must be in (0, 1], got {}",
          how.crop_share);
    const Extent scale{share_of(size.rows, how.crop_share), share_of(size.columns, how.crop_share)};
    const Extent whole = whole_size({image.shape()[0], image.shape()[1]}, scale, how.mode);
    const Extent seen{std::min(size.rows, whole.rows), std::min(size.columns, whole.columns)};
    const Extent corner{half(whole.rows - seen.rows), half(whole.columns - seen.columns)};
    const Tensor part = scaled_part(image, whole, corner, seen, how.interpolation);
    if (seen == size) return part;
    return on_ground(part, size, {(size.rows - seen.rows) / 2, (size.columns - seen.columns) / 2}, how.fill);
}

}  // namespace swingrad

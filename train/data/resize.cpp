// Output pixel i of an axis reduced from n to m is a weighted mean of input pixels around (i + 1/2) n/m:
//
//   y_i = sum_j w_ij x_j        w_ij ~ cubic(((j + 1/2) - (i + 1/2) s) / t)        s = n/m        t = max(s, 1)
//
// with weights that sum to 1, in fixed point of 22 bits. The filter is from Keys, "Cubic convolution interpolation for
// digital image processing", 1981; a = -1/2, the widening by t and the fixed point are as in Pillow.

#include "train/data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swingrad {
namespace {

constexpr int fraction_bits = 22;
constexpr double half_width = 2;  // the cubic is 0 from there on

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
    std::vector<int64_t> weights;
};

// Output pixels [begin, begin + count) of `to`.
std::vector<Taps> taps_of(int64_t from, int64_t to, int64_t begin, int64_t count) {
    const double step = static_cast<double>(from) / static_cast<double>(to), widening = std::max(step, 1.0);
    std::vector<Taps> taps;
    for (int64_t i = begin; i < begin + count; ++i) {
        const double centre = (static_cast<double>(i) + 0.5) * step, reach = half_width * widening;
        const int64_t first = std::max<int64_t>(static_cast<int64_t>(centre - reach + 0.5), 0);
        const int64_t end = std::min(static_cast<int64_t>(centre + reach + 0.5), from);
        std::vector<double> weights;
        double sum = 0;
        for (int64_t j = first; j < end; ++j) {
            weights.push_back(cubic((static_cast<double>(j) - centre + 0.5) / widening));
            sum += weights.back();
        }
        taps.push_back({first, {}});
        for (const double weight : weights)
            taps.back().weights.push_back(std::llround(weight / sum * static_cast<double>(1 << fraction_bits)));
    }
    return taps;
}

uint8_t to_pixel(int64_t sum) {
    return static_cast<uint8_t>(std::clamp<int64_t>((sum + (1 << (fraction_bits - 1))) >> fraction_bits, 0, 255));
}

// [H, W, 3] -> [H, taps, 3]
Tensor along_rows(const Tensor& image, const std::vector<Taps>& taps) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1], count = static_cast<int64_t>(taps.size());
    Tensor result = Tensor::empty({rows, count, 3}, DType::uint8);
    uint8_t* out = result.data<uint8_t>();
    for (int64_t r = 0; r < rows; ++r)
        for (const Taps& tap : taps)
            for (int64_t channel = 0; channel < 3; ++channel) {
                const uint8_t* in = image.data<uint8_t>() + (r * columns + tap.first) * 3 + channel;
                int64_t sum = 0;
                for (const int64_t weight : tap.weights) sum += weight * *in, in += 3;
                *out++ = to_pixel(sum);
            }
    return result;
}

// [H, W, 3] -> [taps, W, 3]
Tensor along_columns(const Tensor& image, const std::vector<Taps>& taps) {
    const int64_t width = image.shape()[1] * 3, count = static_cast<int64_t>(taps.size());
    Tensor result = Tensor::empty({count, image.shape()[1], 3}, DType::uint8);
    uint8_t* out = result.data<uint8_t>();
    for (const Taps& tap : taps)
        for (int64_t i = 0; i < width; ++i) {
            const uint8_t* in = image.data<uint8_t>() + tap.first * width + i;
            int64_t sum = 0;
            for (const int64_t weight : tap.weights) sum += weight * *in, in += width;
            *out++ = to_pixel(sum);
        }
    return result;
}

// The part of the image, scaled to `whole`, that begins at `corner` and is `size`.
Tensor scaled_part(const Tensor& image, Extent whole, Extent corner, Extent size) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    Tensor result = image;
    if (columns != whole.columns || size.columns != whole.columns)
        result = along_rows(result, taps_of(columns, whole.columns, corner.columns, size.columns));
    if (rows != whole.rows || size.rows != whole.rows)
        result = along_columns(result, taps_of(rows, whole.rows, corner.rows, size.rows));
    return result;
}

void check_image(const Tensor& image, Extent size) {
    check(image.defined() && image.dtype() == DType::uint8 && image.shape().rank() == 3 && image.shape()[2] == 3 &&
              image.numel() > 0,
          "[resize] expected an image, uint8 [H, W, 3], got {}", image);
    check(size.rows > 0 && size.columns > 0, "[resize] the size must be positive, got {} x {}", size.rows,
          size.columns);
}

}  // namespace

Tensor resized(const Tensor& image, Extent size) {
    check_image(image, size);
    return scaled_part(image, size, {0, 0}, size);
}

Tensor fitted(const Tensor& image, Extent size) {
    check_image(image, size);
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    Extent whole = size;
    if (size.rows * columns >= size.columns * rows) whole.columns = columns * size.rows / rows;
    else whole.rows = rows * size.columns / columns;
    const Extent corner{(whole.rows - size.rows) / 2, (whole.columns - size.columns) / 2};
    return scaled_part(image, whole, corner, size);
}

}  // namespace swingrad

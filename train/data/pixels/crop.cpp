#include "train/data/pixels/crop.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

int64_t rounded(double length) { return std::lrint(length); }  // ties to even, as in Python

// The whole image, less what makes it too wide or too high.
Box middle_box(Extent image, const std::array<double, 2>& ratio) {
    const double own = static_cast<double>(image.columns) / static_cast<double>(image.rows);
    Box box{0, 0, image.rows, image.columns};
    if (own < ratio[0]) box.rows = rounded(static_cast<double>(image.columns) / ratio[0]);
    else if (own > ratio[1]) box.columns = rounded(static_cast<double>(image.rows) * ratio[1]);
    box.rows = std::clamp<int64_t>(box.rows, 1, image.rows);
    box.columns = std::clamp<int64_t>(box.columns, 1, image.columns);
    box.top = (image.rows - box.rows) / 2;
    box.left = (image.columns - box.columns) / 2;
    return box;
}

}  // namespace

Box random_box(Extent image, const ResizedCrop& crop, Draws& draws) {
    constexpr int attempts = 10;
    const double area = static_cast<double>(image.rows) * static_cast<double>(image.columns);
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const double wanted = draws.between(crop.scale[0], crop.scale[1]) * area;
        const double ratio = std::exp(draws.between(std::log(crop.ratio[0]), std::log(crop.ratio[1])));
        const int64_t columns = rounded(std::sqrt(wanted * ratio)), rows = rounded(std::sqrt(wanted / ratio));
        if (rows < 1 || columns < 1 || rows > image.rows || columns > image.columns) continue;
        const int64_t top = draws.below(image.rows - rows + 1), left = draws.below(image.columns - columns + 1);
        return {top, left, rows, columns};
    }
    return middle_box(image, crop.ratio);
}

Tensor cut_out(const Tensor& image, const Box& box) {
    check_pixels(image, "cut_out");
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    check(box.top >= 0 && box.left >= 0 && box.rows > 0 && box.columns > 0 && box.rows <= rows - box.top &&
              box.columns <= columns - box.left,
          "[cut_out] {} x {} pixels at row {}, column {} are not within {} x {}", box.rows, box.columns, box.top,
          box.left, rows, columns);
    const Tensor part = Tensor::empty({box.rows, box.columns, 3}, DType::uint8);
    for (int64_t r = 0; r < box.rows; ++r)
        std::copy_n(image.data<uint8_t>() + ((r + box.top) * columns + box.left) * 3, box.columns * 3,
                    part.data<uint8_t>() + r * box.columns * 3);
    return part;
}

Tensor shifted(const Tensor& image, int64_t top, int64_t left, const Colour& fill) {
    check_pixels(image, "shifted");
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    const Tensor result = Tensor::empty(image.shape(), DType::uint8);
    uint8_t* to = result.data<uint8_t>();
    for (int64_t r = top; r < top + rows; ++r)
        for (int64_t c = left; c < left + columns; ++c, to += 3) {
            const bool inside = r >= 0 && r < rows && c >= 0 && c < columns;
            std::copy_n(inside ? image.data<uint8_t>() + (r * columns + c) * 3 : fill.data(), 3, to);
        }
    return result;
}

Tensor flipped(const Tensor& image) {
    check_pixels(image, "flipped");
    const int64_t columns = image.shape()[1];
    const Tensor result = Tensor::empty(image.shape(), DType::uint8);
    uint8_t* to = result.data<uint8_t>();
    for (int64_t r = 0; r < image.shape()[0]; ++r)
        for (int64_t c = columns; c-- > 0; to += 3) std::copy_n(image.data<uint8_t>() + (r * columns + c) * 3, 3, to);
    return result;
}

}  // namespace swingrad

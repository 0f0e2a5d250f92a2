#include "train/program/images/contact_sheet.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t most_images = 64, a_row = 8, line = 2, readable = 96;
constexpr uint8_t hidden_grey = 96;

uint8_t pixel_of(float value, size_t channel, const Normalisation& normalisation) {
    const float share = value * normalisation.deviation[channel] + normalisation.mean[channel];
    return static_cast<uint8_t>(std::clamp(std::lround(share * 255), 0l, 255l));
}

}  // namespace

Tensor contact_sheet(const Tensor& images, const Normalisation& normalisation) {
    const Shape& shape = images.shape();
    check(shape.rank() == 4 && (shape[-1] == 3 || shape[-1] == 4) && images.numel() > 0,
          "[contact_sheet] expected images [B, H, W, 3], got {}", images);
    const int64_t count = std::min(shape[0], most_images), R = shape[1], C = shape[2];
    const int64_t across = std::min(count, a_row), down = (count + across - 1) / across;
    const int64_t factor = std::max<int64_t>(1, readable / std::max(R, C)), high = R * factor, wide = C * factor;
    const Extent sheet{down * (high + line) - line, across * (wide + line) - line};
    Tensor result = Tensor::empty({sheet.rows, sheet.columns, 3}, DType::uint8);
    std::fill_n(result.data<uint8_t>(), result.numel(), uint8_t{255});
    for (int64_t n = 0; n < count; ++n)
        for (int64_t r = 0; r < high; ++r)
            for (int64_t c = 0; c < wide; ++c) {
                const int64_t row = n / across * (high + line) + r, column = n % across * (wide + line) + c;
                const float* from = images.data<float>() + ((n * R + r / factor) * C + c / factor) * shape[-1];
                const bool hidden = shape[-1] == 4 && from[3] != 0;
                uint8_t* to = result.data<uint8_t>() + (row * sheet.columns + column) * 3;
                for (size_t channel = 0; channel < 3; ++channel)
                    to[channel] = hidden ? hidden_grey : pixel_of(from[channel], channel, normalisation);
            }
    return result;
}

}  // namespace swingrad

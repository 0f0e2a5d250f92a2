#include "models/simmim/masks.h"

#include "core/error.h"

#include <cmath>
#include <numeric>
#include <vector>

namespace swingrad {

Tensor draw_masks(std::span<const int64_t> samples, Extent tokens, int64_t cell, double ratio, Random random) {
    check(cell > 0 && tokens.rows > 0 && tokens.columns > 0 && tokens.rows % cell == 0 && tokens.columns % cell == 0,
          "[draw_masks] squares of {} tokens do not fill a map of {} x {}", cell, tokens.rows, tokens.columns);
    check(ratio > 0 && ratio < 1, "[draw_masks] the masked share must be above 0 and below 1, got {}", ratio);
    const int64_t columns = tokens.columns / cell, cells = tokens.rows / cell * columns;
    // 0.6 x 5 in double is 3, but 0.1 x 30 is a little more: rounding must not mask one square more.
    const auto masked = static_cast<int64_t>(std::ceil(ratio * static_cast<double>(cells) - 1e-9));
    const auto count = static_cast<int64_t>(samples.size());
    Tensor masks = Tensor::zeros({count, tokens.rows, tokens.columns}, DType::uint8);
    std::vector<int64_t> order(static_cast<size_t>(cells));
    for (int64_t b = 0; b < count; ++b) {
        std::iota(order.begin(), order.end(), int64_t{0});
        const Random of_sample = random.split(static_cast<uint64_t>(samples[static_cast<size_t>(b)]));
        uint8_t* mask = masks.data<uint8_t>() + b * tokens.rows * tokens.columns;
        for (int64_t i = 0; i < masked; ++i) {  // Fisher and Yates, as far as it is needed
            const auto bound = static_cast<uint32_t>(cells - i);
            const int64_t other = i + of_sample.below(static_cast<uint64_t>(i), bound);
            std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(other)]);
            const int64_t row = order[static_cast<size_t>(i)] / columns,
                          column = order[static_cast<size_t>(i)] % columns;
            for (int64_t y = row * cell; y < (row + 1) * cell; ++y)
                for (int64_t x = column * cell; x < (column + 1) * cell; ++x) mask[y * tokens.columns + x] = 1;
        }
    }
    return masks;
}

namespace {

template <class T>
void join(const Tensor& images, const Tensor& masks, T* to) {
    const int64_t B = images.shape()[0], H = images.shape()[1], W = images.shape()[2], C = images.shape()[3];
    const int64_t h = masks.shape()[1], w = masks.shape()[2];
    const T* from = images.data<T>();
    for (int64_t b = 0; b < B; ++b)
        for (int64_t i = 0; i < H; ++i)
            for (int64_t j = 0; j < W; ++j) {
                for (int64_t c = 0; c < C; ++c) *to++ = *from++;
                *to++ = masks.data<uint8_t>()[(b * h + i * h / H) * w + j * w / W];
            }
}

}  // namespace

Tensor with_mask(const Tensor& images, const Tensor& masks) {
    const Shape& shape = images.shape();
    check(shape.rank() == 4 && masks.shape().rank() == 3 && masks.dtype() == DType::uint8 &&
              masks.shape()[0] == shape[0] && masks.shape()[1] > 0 && masks.shape()[2] > 0 &&
              shape[1] % masks.shape()[1] == 0 && shape[2] % masks.shape()[2] == 0,
          "[with_mask] the mask of {} must be uint8 [B, H/p, W/p], got {}", shape, masks.shape());
    const Tensor both = images.empty_like(shape.with(3, shape[3] + 1));
    if (images.dtype() == DType::float64) join(images, masks, both.data<double>());
    else join(images, masks, both.data<float>());
    return both;
}

}  // namespace swingrad

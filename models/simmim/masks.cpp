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

}  // namespace swingrad

#include "models/simmim/loss.h"

#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swingrad {
namespace {

template <class T>
void normalise_channel(const T* x, T* y, int64_t H, int64_t W, int64_t C, int64_t reach) {
    // Sums over all pixels above and left, so that a window's sum is four numbers whatever its size.
    const int64_t stride = W + 1;
    std::vector<double> sums(static_cast<size_t>((H + 1) * stride)), squares(sums.size());
    for (int64_t i = 0; i < H; ++i)
        for (int64_t j = 0; j < W; ++j) {
            const double value = x[(i * W + j) * C];
            const auto at = static_cast<size_t>((i + 1) * stride + j + 1), above = at - static_cast<size_t>(stride);
            sums[at] = value + sums[at - 1] + sums[above] - sums[above - 1];
            squares[at] = value * value + squares[at - 1] + squares[above] - squares[above - 1];
        }
    for (int64_t i = 0; i < H; ++i)
        for (int64_t j = 0; j < W; ++j) {
            const int64_t top = std::max<int64_t>(i - reach, 0), bottom = std::min(i + reach + 1, H);
            const int64_t left = std::max<int64_t>(j - reach, 0), right = std::min(j + reach + 1, W);
            const auto n = static_cast<double>((bottom - top) * (right - left));
            const auto mean_of = [&](const std::vector<double>& table) {
                const auto at = [&](int64_t r, int64_t c) { return table[static_cast<size_t>(r * stride + c)]; };
                return (at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)) / n;
            };
            const double mean = mean_of(sums);
            const double variance = std::max(0.0, (mean_of(squares) - mean * mean) * n / (n - 1));
            y[(i * W + j) * C] = static_cast<T>((x[(i * W + j) * C] - mean) / std::sqrt(variance + 1e-6));
        }
}

}  // namespace

Tensor locally_normalised(const Tensor& images, int64_t window) {
    const Shape& shape = images.shape();
    check(window >= 3 && window % 2 == 1, "[locally_normalised] the window must be odd and at least 3, got {}", window);
    check(shape.rank() == 4 && shape[1] >= 2 && shape[2] >= 2,
          "[locally_normalised] images must be [B, H, W, C] of at least 2 x 2 pixels, got {}", shape);
    check(images.dtype() == DType::float32 || images.dtype() == DType::float64,
          "[locally_normalised] images must be float32 or float64");
    const int64_t H = shape[1], W = shape[2], C = shape[3];
    Tensor target = images.empty_like(shape);
    const auto each = [&]<class T>(T) {
        for (int64_t b = 0; b < shape[0]; ++b)
            for (int64_t c = 0; c < C; ++c)
                normalise_channel(images.data<T>() + b * H * W * C + c, target.data<T>() + b * H * W * C + c, H, W, C,
                                  window / 2);
    };
    if (images.dtype() == DType::float64) each(double{});
    else each(float{});
    return target;
}

Tensor masked_l1(const Tensor& reconstruction, const Tensor& target_and_mask) {
    const Shape& shape = reconstruction.shape();
    check(shape.rank() == 4 && target_and_mask.shape() == shape.with(3, shape[3] + 1),
          "[masked_l1] the target of {} must have one channel more, a mask, got {}", shape, target_and_mask.shape());
    const int64_t C = shape[3];
    const Tensor given = target_and_mask.detached();
    const Tensor target = slice(given, 3, 0, C), mask = slice(given, 3, C, C + 1);
    return sum(abs(target - reconstruction) * mask) / ((sum(mask) + 1e-5) * static_cast<double>(C));
}

}  // namespace swingrad

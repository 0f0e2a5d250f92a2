// Pillow's arithmetic, byte by byte:
//
//   autocontrast   y = trunc(x s - l s)                       s = 255 / (h - l), [l, h] the bytes there are
//   equalize       y = (n / 2 + #{bytes below x}) / n          n = (#bytes - #{bytes as the greatest}) / 255
//
// all divisions of the second in whole numbers. A channel of one value, or of too few bytes for n > 0, stays.

#include "train/data/pixels/point.h"

#include "train/data/pixels/resize.h"

#include <algorithm>
#include <array>

namespace swingrad {
namespace {

using Table = std::array<uint8_t, 256>;
using Histogram = std::array<int64_t, 256>;

Table table_of(auto&& value) {
    Table table;
    for (int i = 0; i < 256; ++i) table[static_cast<size_t>(i)] = static_cast<uint8_t>(value(i));
    return table;
}

// A table a channel.
Tensor looked_up(const Tensor& image, const std::array<Table, 3>& tables) {
    const Tensor result = Tensor::empty(image.shape(), DType::uint8);
    const uint8_t* from = image.data<uint8_t>();
    uint8_t* to = result.data<uint8_t>();
    for (int64_t i = 0; i < image.numel(); i += 3)
        for (size_t channel = 0; channel < 3; ++channel) *to++ = tables[channel][*from++];
    return result;
}

Tensor looked_up(const Tensor& image, const Table& table) {
    check_pixels(image, "pixels");
    return looked_up(image, std::array{table, table, table});
}

// A table of each channel's histogram.
Tensor by_histogram(const Tensor& image, auto&& table_of_histogram) {
    check_pixels(image, "pixels");
    std::array<Histogram, 3> counts{};
    const uint8_t* from = image.data<uint8_t>();
    for (int64_t i = 0; i < image.numel(); i += 3)
        for (Histogram& channel : counts) ++channel[*from++];
    std::array<Table, 3> tables;
    std::transform(counts.begin(), counts.end(), tables.begin(), table_of_histogram);
    return looked_up(image, tables);
}

// The least and the greatest byte that there is.
std::pair<int, int> range_of(const Histogram& counts) {
    int low = 0, high = 255;
    while (counts[static_cast<size_t>(low)] == 0) ++low;
    while (counts[static_cast<size_t>(high)] == 0) --high;
    return {low, high};
}

Table stretching(const Histogram& counts) {
    const auto [low, high] = range_of(counts);
    if (low == high) return table_of([](int i) { return i; });
    const double scale = 255.0 / (high - low), offset = -low * scale;
    return table_of([&](int i) { return std::clamp(static_cast<int>(i * scale + offset), 0, 255); });
}

Table equalizing(const Histogram& counts) {
    const auto [low, high] = range_of(counts);
    int64_t bytes = 0;
    for (const int64_t count : counts) bytes += count;
    const int64_t step = (bytes - counts[static_cast<size_t>(high)]) / 255;
    if (step == 0) return table_of([](int i) { return i; });
    int64_t below = step / 2;
    return table_of([&](int i) {
        const int64_t value = std::min<int64_t>(below / step, 255);
        below += counts[static_cast<size_t>(i)];
        return value;
    });
}

}  // namespace

Tensor inverted(const Tensor& image) {
    return looked_up(image, table_of([](int i) { return 255 - i; }));
}

Tensor posterized(const Tensor& image, int64_t bits) {
    check(bits >= 0 && bits <= 8, "[posterized] bits must be 0 to 8, got {}", bits);
    const int mask = 0xff & ~((1 << (8 - bits)) - 1);
    return looked_up(image, table_of([&](int i) { return i & mask; }));
}

Tensor solarized(const Tensor& image, int64_t threshold) {
    return looked_up(image, table_of([&](int i) { return i < threshold ? i : 255 - i; }));
}

Tensor brightened_below_half(const Tensor& image, int64_t added) {
    check(added >= 0 && added <= 255, "[brightened_below_half] what is added must be 0 to 255, got {}", added);
    return looked_up(image, table_of([&](int i) { return i < 128 ? std::min(255, i + static_cast<int>(added)) : i; }));
}

Tensor with_full_contrast(const Tensor& image) { return by_histogram(image, stretching); }

Tensor equalized(const Tensor& image) { return by_histogram(image, equalizing); }

}  // namespace swingrad

// A rectangle has an area of 2 % to a third of the image, divided by how many there are, and a height over its width
// whose logarithm is uniform between those of 0.3 and 1 / 0.3. One that does not fit is drawn again, ten times at most.
// Source: arXiv 1708.04896; counts and fills are timm's.

#include "train/data/pixels/erase.h"

#include "core/error.h"

#include <array>
#include <cmath>

namespace swingrad {
namespace {

constexpr double least_area = 0.02, most_area = 1.0 / 3, least_ratio = 0.3;
constexpr int attempts = 10;

void erase_rectangle(float* image, Extent extent, double area, Erasing::Fill fill, Draws& draws) {
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const double wanted = draws.between(least_area, most_area) * area;
        const double ratio = std::exp(draws.between(std::log(least_ratio), -std::log(least_ratio)));
        const int64_t rows = std::lrint(std::sqrt(wanted * ratio)), columns = std::lrint(std::sqrt(wanted / ratio));
        if (rows >= extent.rows || columns >= extent.columns) continue;
        const int64_t top = draws.below(extent.rows - rows + 1), left = draws.below(extent.columns - columns + 1);
        std::array<float, 3> colour{};
        const auto draw = [&] {
            for (float& channel : colour) channel = static_cast<float>(draws.normal());
        };
        if (fill == Erasing::Fill::random) draw();
        for (int64_t r = top; r < top + rows; ++r)
            for (int64_t c = left; c < left + columns; ++c) {
                if (fill == Erasing::Fill::pixel) draw();
                std::copy(colour.begin(), colour.end(), image + (r * extent.columns + c) * 3);
            }
        return;
    }
}

}  // namespace

Erasing::Fill erasing_fill_named(const std::string& name) {
    if (name == "const") return Erasing::Fill::constant;
    if (name == "rand") return Erasing::Fill::random;
    check(name == "pixel", "what is erased becomes const, rand or pixel, got \"{}\"", name);
    return Erasing::Fill::pixel;
}

void erase(float* image, Extent extent, const Erasing& erasing, Draws& draws) {
    if (!draws.chance(erasing.probability)) return;
    const int64_t count = erasing.most > 1 ? 1 + draws.below(erasing.most) : 1;
    const double area = static_cast<double>(extent.rows * extent.columns) / static_cast<double>(count);
    for (int64_t i = 0; i < count; ++i) erase_rectangle(image, extent, area, erasing.fill, draws);
}

}  // namespace swingrad

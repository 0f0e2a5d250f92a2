#include "train/data/shapes/crowded_scene.h"

#include "train/data/pixels/draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace swingrad {
namespace {

constexpr double pi = std::numbers::pi;
// Of colours, in 0 .. 1.
constexpr double noise_amplitude = 0.06;  // up and down
constexpr double most_swing = 0.1;        // of a texture
constexpr double darkest_ground = 0, lightest_ground = 0.45, least_contrast = 0.25, most_contrast = 0.6;

FloatColour colour(Draws& draws, double low, double high) {
    FloatColour channels{};
    for (float& channel : channels) channel = static_cast<float>(draws.between(low, high));
    return channels;
}

// Lighter than `ground` in each channel.
FloatColour lighter(Draws& draws, const FloatColour& ground) {
    FloatColour channels = ground;
    for (float& channel : channels)
        channel = std::min(channel + static_cast<float>(draws.between(least_contrast, most_contrast)), 1.0f);
    return channels;
}

Texture texture(Draws& draws, const FloatColour& base, double side) {
    Texture waves{base, colour(draws, 0, most_swing)};
    const double direction = draws.between(0, 2 * pi), length = draws.between(0.15, 1) * side;
    waves.down = 2 * pi / length * std::sin(direction), waves.across = 2 * pi / length * std::cos(direction);
    waves.phase = draws.between(0, 2 * pi);
    return waves;
}

Clutter clutter(Draws& draws, Extent extent, double side) {
    Clutter piece;
    piece.row = draws.between(0, static_cast<double>(extent.rows));
    piece.column = draws.between(0, static_cast<double>(extent.columns));
    piece.half_length = draws.chance(0.5) ? draws.between(0.05, 0.25) * side : 0;
    piece.radius = draws.between(0.02, 0.06) * side;
    piece.angle = draws.between(0, pi);
    piece.colour = colour(draws, 0, 1);
    return piece;
}

// In pixels, negative inside.
double distance_at(const Clutter& piece, int64_t r, int64_t c) {
    const double dx = static_cast<double>(c) + 0.5 - piece.column, dy = static_cast<double>(r) + 0.5 - piece.row;
    const double along = std::cos(piece.angle) * dx + std::sin(piece.angle) * dy;
    const double nearest = std::clamp(along, -piece.half_length, piece.half_length);
    return std::hypot(dx - nearest * std::cos(piece.angle), dy - nearest * std::sin(piece.angle)) - piece.radius;
}

FloatColour colour_at(const Texture& waves, int64_t r, int64_t c) {
    const double wave =
        std::sin(static_cast<double>(r) * waves.down + static_cast<double>(c) * waves.across + waves.phase);
    FloatColour channels = waves.base;
    for (size_t i = 0; i < channels.size(); ++i) channels[i] += static_cast<float>(wave) * waves.swing[i];
    return channels;
}

void cover(FloatColour& under, const FloatColour& over, double share) {
    for (size_t i = 0; i < under.size(); ++i) under[i] += static_cast<float>(share) * (over[i] - under[i]);
}

double distance_at(const TexturedShape& shape, int64_t r, int64_t c) { return distance_at(shape.place, r, c); }

// Whether one of these covers the middle of a pixel.
bool any_at(const auto& things, int64_t r, int64_t c) {
    return std::any_of(things.begin(), things.end(), [&](const auto& one) { return distance_at(one, r, c) < 0; });
}

// A place for one more of a kind, none where chance finds none that is free.
std::optional<Placement> free_place(const std::vector<TexturedShape>& others, int64_t label, Draws& draws,
                                    Extent extent) {
    const auto side = static_cast<double>(std::min(extent.rows, extent.columns));
    for (int attempt = 0; attempt < 40; ++attempt) {
        const double radius = draws.between(0.16, 0.25) * side;
        const double row = draws.between(radius, static_cast<double>(extent.rows) - radius);
        const double column = draws.between(radius, static_cast<double>(extent.columns) - radius);
        const bool is_free = std::none_of(others.begin(), others.end(), [&](const TexturedShape& other) {
            return std::hypot(other.place.row - row, other.place.column - column) < other.place.radius + radius;
        });
        if (is_free) return Placement{label, row, column, radius, draws.between(-0.4, 0.4)};
    }
    return {};
}

}  // namespace

CrowdedScene random_crowded_scene(int64_t label, Extent extent, Random random) {
    Draws draws(random);
    const auto side = static_cast<double>(std::min(extent.rows, extent.columns));
    const FloatColour ground = colour(draws, darkest_ground, lightest_ground);
    CrowdedScene scene;
    scene.background = texture(draws, ground, side);
    for (int64_t i = 2 + draws.below(3); i > 0; --i) {
        const std::optional<Placement> place = free_place(scene.shapes, label, draws, extent);
        if (place) scene.shapes.push_back({*place, texture(draws, lighter(draws, ground), side)});
    }
    for (int64_t i = draws.below(3); i > 0; --i) scene.behind.push_back(clutter(draws, extent, side));
    for (int64_t i = draws.below(2); i > 0; --i) scene.before.push_back(clutter(draws, extent, side));
    return scene;
}

Tensor draw_image(const CrowdedScene& scene, Extent extent, Random noise) {
    Tensor image = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
    uint8_t* pixel = image.data<uint8_t>();
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c, pixel += 3) {
            FloatColour seen = colour_at(scene.background, r, c);
            const auto lay = [&](const std::vector<Clutter>& pieces) {
                for (const Clutter& piece : pieces) cover(seen, piece.colour, coverage_at(distance_at(piece, r, c)));
            };
            lay(scene.behind);
            for (const TexturedShape& shape : scene.shapes)
                cover(seen, colour_at(shape.texture, r, c), coverage_at(distance_at(shape.place, r, c)));
            lay(scene.before);
            const auto words = noise.words(static_cast<uint64_t>(r * extent.columns + c));
            for (size_t i = 0; i < 3; ++i) {
                const double disturbed = seen[i] + noise_amplitude * (words[i] * 0x1p-31 - 1);
                pixel[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(disturbed, 0.0, 1.0)));
            }
        }
    return image;
}

Tensor draw_mask(const CrowdedScene& scene, Extent extent) {
    Tensor mask = Tensor::empty({extent.rows, extent.columns}, DType::uint8);
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c) {
            const bool shape = any_at(scene.shapes, r, c), hidden = any_at(scene.before, r, c);
            mask.data<uint8_t>()[r * extent.columns + c] = shape && !hidden ? 1 : 0;
        }
    return mask;
}

// Shapes lie beside one another.
Tensor draw_classes(const CrowdedScene& scene, Extent extent) {
    const Tensor classes = draw_mask(scene, extent);
    const int64_t label = scene.shapes.empty() ? 0 : scene.shapes.front().place.label;
    for (uint8_t& pixel : classes.span<uint8_t>()) pixel = pixel ? static_cast<uint8_t>(label + 1) : 0;
    return classes;
}

}  // namespace swingrad

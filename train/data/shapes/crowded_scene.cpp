#include "train/data/shapes/crowded_scene.h"

#include "train/data/pixels/draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace swingrad {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double noise_amplitude = 0.06;                                        // of 0 .. 1, up and down
constexpr double most_hidden = 0.25;                                            // of the shape's pixels
constexpr double least_contrast = 0.25, most_contrast = 0.6, most_swing = 0.1;  // of 0 .. 1, in each channel

Colour colour(Draws& draws, double low, double high) {
    Colour channels{};
    for (float& channel : channels) channel = static_cast<float>(draws.between(low, high));
    return channels;
}

// Lighter or darker than `other` in each channel, as a coin says, or as there is room.
Colour against(Draws& draws, const Colour& other) {
    Colour channels{};
    for (size_t i = 0; i < channels.size(); ++i) {
        const double difference = draws.between(least_contrast, most_contrast) * (draws.chance(0.5) ? 1 : -1);
        const double there = other[i] + difference;
        channels[i] = static_cast<float>(std::clamp(there < 0 || there > 1 ? other[i] - difference : there, 0.0, 1.0));
    }
    return channels;
}

Texture texture(Draws& draws, const Colour& base, double side) {
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

Colour colour_at(const Texture& waves, int64_t r, int64_t c) {
    const double wave =
        std::sin(static_cast<double>(r) * waves.down + static_cast<double>(c) * waves.across + waves.phase);
    Colour channels = waves.base;
    for (size_t i = 0; i < channels.size(); ++i) channels[i] += static_cast<float>(wave) * waves.swing[i];
    return channels;
}

void cover(Colour& under, const Colour& over, double share) {
    for (size_t i = 0; i < under.size(); ++i) under[i] += static_cast<float>(share) * (over[i] - under[i]);
}

bool hidden(const std::vector<Clutter>& before, int64_t r, int64_t c) {
    return std::any_of(before.begin(), before.end(),
                       [&](const Clutter& piece) { return distance_at(piece, r, c) < 0; });
}

// Of the shape's pixels.
double share_hidden(const CrowdedScene& scene, Extent extent) {
    int64_t all = 0, covered = 0;
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c)
            if (distance_at(scene.shape, r, c) < 0) ++all, covered += hidden(scene.before, r, c) ? 1 : 0;
    return all == 0 ? 0 : static_cast<double>(covered) / static_cast<double>(all);
}

}  // namespace

CrowdedScene random_crowded_scene(int64_t label, Extent extent, Random random) {
    Draws draws(random);
    const auto side = static_cast<double>(std::min(extent.rows, extent.columns));
    CrowdedScene scene;
    Placement& shape = scene.shape;
    shape.label = label;
    shape.radius = draws.between(0.22, 0.45) * side;
    shape.row = draws.between(shape.radius, static_cast<double>(extent.rows) - shape.radius);
    shape.column = draws.between(shape.radius, static_cast<double>(extent.columns) - shape.radius);
    shape.angle = draws.between(-pi, pi);
    const Colour ground = colour(draws, 0.1, 0.9);
    scene.background = texture(draws, ground, side);
    scene.foreground = texture(draws, against(draws, ground), side);
    for (int64_t i = draws.below(5); i > 0; --i) scene.behind.push_back(clutter(draws, extent, side));
    // What would hide too much is left out.
    for (int64_t i = draws.below(3); i > 0; --i) {
        scene.before.push_back(clutter(draws, extent, side));
        if (share_hidden(scene, extent) > most_hidden) scene.before.pop_back();
    }
    return scene;
}

Tensor draw_image(const CrowdedScene& scene, Extent extent, Random noise) {
    Tensor image = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
    uint8_t* pixel = image.data<uint8_t>();
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c, pixel += 3) {
            Colour seen = colour_at(scene.background, r, c);
            const auto lay = [&](const std::vector<Clutter>& pieces) {
                for (const Clutter& piece : pieces) cover(seen, piece.colour, coverage_at(distance_at(piece, r, c)));
            };
            lay(scene.behind);
            cover(seen, colour_at(scene.foreground, r, c), coverage_at(distance_at(scene.shape, r, c)));
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
        for (int64_t c = 0; c < extent.columns; ++c)
            mask.data<uint8_t>()[r * extent.columns + c] =
                distance_at(scene.shape, r, c) < 0 && !hidden(scene.before, r, c) ? 1 : 0;
    return mask;
}

}  // namespace swingrad

// Pictures of the second version: a shape of any size and angle, on a textured ground, among clutter that may lie over
// it.
//
// What tells the classes apart is the outline alone. In each of the three channels the shape is lighter than the ground
// or darker, by the toss of a coin, so no pixel is bright for one class rather than for another, and a network that
// weighs pixels one by one (tests/examples/mlp.cpp) finds little. A scene is drawn twice where wanted: as the picture,
// and as the mask that says which pixels show the shape.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"
#include "train/data/shapes/kinds.h"

#include <array>
#include <vector>

namespace swingrad {

using Colour = std::array<float, 3>;  // in 0 .. 1

// Waves between two colours: base + swing * sin(row * down + column * across + phase), in pixels.
struct Texture {
    Colour base{}, swing{};
    double down = 0, across = 0, phase = 0;
};

// A bar with round ends, or with no length a dot.
struct Clutter {
    double row = 0, column = 0;                     // of its middle, in pixels
    double half_length = 0, radius = 1, angle = 0;  // pixels, pixels, radians
    Colour colour{};
};

struct CrowdedScene {
    Placement shape;
    Texture foreground, background;
    std::vector<Clutter> behind, before;  // the shape, each over those ahead of it in the list
};

// The shape is wholly inside a picture of this extent. At most a quarter of its pixels are hidden by clutter.
CrowdedScene random_crowded_scene(int64_t label, Extent extent, Random random);

Tensor draw_image(const CrowdedScene& scene, Extent extent, Random noise);  // uint8 [H, W, 3]
// uint8 [H, W]: 1 where the shape is seen, 0 elsewhere.
Tensor draw_mask(const CrowdedScene& scene, Extent extent);

}  // namespace swingrad

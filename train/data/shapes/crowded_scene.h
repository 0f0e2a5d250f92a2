// Pictures of the second version: two to four shapes of one kind, small, textured, anywhere, on a textured ground, with
// clutter behind them and, in every other picture, over them.
//
// So no pixel is bright for one kind rather than for another, and a network that weighs pixels one by one
// (tests/examples/mlp.cpp) finds less than half of them, while one that looks at small windows everywhere finds nearly
// all. A scene is drawn twice where wanted: as the picture, and as the mask that says which pixels show a shape.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"
#include "train/data/shapes/kinds.h"

#include <array>
#include <vector>

namespace swingrad {

using FloatColour = std::array<float, 3>;  // in 0 .. 1

// Waves between two colours: base + swing * sin(row * down + column * across + phase), in pixels.
struct Texture {
    FloatColour base{}, swing{};
    double down = 0, across = 0, phase = 0;
};

// A bar with round ends, or with no length a dot.
struct Clutter {
    double row = 0, column = 0;                     // of its middle, in pixels
    double half_length = 0, radius = 1, angle = 0;  // pixels, pixels, radians
    FloatColour colour{};
};

struct TexturedShape {
    Placement place;
    Texture texture;
};

struct CrowdedScene {
    Texture background;
    std::vector<Clutter> behind;  // the shapes; each over those ahead of it in the list
    std::vector<TexturedShape> shapes;
    std::vector<Clutter> before;
};

// Shapes lie wholly inside a picture of this extent, and beside one another.
CrowdedScene random_crowded_scene(int64_t label, Extent extent, Random random);

Tensor draw_image(const CrowdedScene& scene, Extent extent, Random noise);  // uint8 [H, W, 3]
// uint8 [H, W]: 1 where a shape is seen, 0 elsewhere.
Tensor draw_mask(const CrowdedScene& scene, Extent extent);
// uint8 [H, W]: 1 + the label of the shape that is seen in the middle of a pixel, 0 where none is.
Tensor draw_classes(const CrowdedScene& scene, Extent extent);

}  // namespace swingrad

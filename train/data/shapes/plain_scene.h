// Pictures of the first version: one shape a picture, some bright colour on some dark one, tilted a little, with noise.
//
// A network of two layers learns to tell them apart by what is bright where. They stay for runs that began with them,
// and where something easy is wanted: "shapes:1".
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"
#include "train/data/shapes/kinds.h"

#include <array>

namespace swingrad {

struct PlainScene : Placement {
    std::array<float, 3> foreground{}, background{};  // in 0 .. 1
};

// A scene with the shape wholly inside a picture of this extent.
PlainScene random_plain_scene(int64_t label, Extent extent, Random random);

Tensor draw_image(const PlainScene& scene, Extent extent, Random noise);  // uint8 [H, W, 3]
// uint8 [H, W]: 1 + the label of the shape in the middle of a pixel, 0 outside of it.
Tensor draw_classes(const PlainScene& scene, Extent extent);

}  // namespace swingrad

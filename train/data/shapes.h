// Pictures drawn by the program: something to learn from where no data set is at hand.
//
// One shape a picture, of ten classes, at a random place and size, tilted a little, some bright colour on some dark
// one, with noise. A scene is drawn twice where wanted: as the picture, and as the mask that says which pixels the
// shape covers.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"
#include "train/data/dataset.h"

#include <array>
#include <string>
#include <vector>

namespace swingrad {

const std::vector<std::string>& shape_names();  // ten, in label order

struct Scene {
    int64_t label = 0;
    double row = 0, column = 0;  // the shape's centre, in pixels; pixel (r, c) covers [r, r + 1) x [c, c + 1)
    double radius = 1;           // of a circle around the shape, in pixels
    double angle = 0;            // in radians
    std::array<float, 3> foreground{}, background{};  // in 0 .. 1
};

// A scene with the shape wholly inside a picture of this extent.
Scene random_scene(int64_t label, Extent extent, Random random);

// Sample `index` of a split of the data set "shapes": classes take turns.
Scene shapes_scene(Split split, int64_t index, Extent extent);

Tensor draw_image(const Scene& scene, Extent extent, Random noise);  // uint8 [H, W, 3]
Tensor draw_mask(const Scene& scene, Extent extent);                 // uint8 [H, W]: 1 in the shape, 0 outside

}  // namespace swingrad

// Pictures drawn by the program: something to learn from where no data set is at hand. Ten kinds of shapes, which take
// turns, at places, sizes, angles and in colours that a picture's number decides.
//
// There are two versions: 1, a bright shape on a dark ground (plain_scene.h), and 2, a shape among clutter
// (crowded_scene.h). A run records which it learnt. The second also draws five further kinds, and none of the ten: to
// be learnt from few pictures by who knows the ten.
#pragma once

#include "train/data/dataset.h"
#include "train/data/shapes/crowded_scene.h"
#include "train/data/shapes/plain_scene.h"

namespace swingrad {

// What is on picture `index` of a split.
PlainScene plain_scene(Split split, int64_t index, Extent extent);
CrowdedScene crowded_scene(Split split, int64_t index, Extent extent, ShapeKinds kinds = ShapeKinds::ten);

}  // namespace swingrad

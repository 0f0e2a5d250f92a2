// The kinds of shapes, each a signed distance: ten, and five further ones for what is to be learnt from few pictures
// after those.
#pragma once

#include "train/data/sources.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swingrad {

struct Point {
    double x, y;  // y grows downwards
};

const std::vector<std::string>& shape_names(ShapeKinds kinds = ShapeKinds::ten);  // in label order
// What the first label of these is called where a shape is drawn: 0, or for the further ones 10.
int64_t first_kind(ShapeKinds kinds);

// How far a point is outside (positive) or inside (negative) of a shape that just fits into the unit circle. Kinds
// count from 0; the further ones follow the ten.
double shape_distance(int64_t kind, Point p);

// Where a shape is in a picture.
struct Placement {
    int64_t label = 0;           // its kind
    double row = 0, column = 0;  // its centre, in pixels; pixel (r, c) covers [r, r + 1) x [c, c + 1)
    double radius = 1;           // of a circle around it, in pixels
    double angle = 0;            // in radians
};

// Distance of the centre of pixel (r, c) from it, in pixels; negative inside.
double distance_at(const Placement& shape, int64_t r, int64_t c);

// The share of a pixel that something at this distance covers, which makes edges smooth.
inline double coverage_at(double distance) { return distance <= -0.5 ? 1 : distance >= 0.5 ? 0 : 0.5 - distance; }

}  // namespace swingrad

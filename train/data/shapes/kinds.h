// The ten kinds of shapes, and five more for what is to be learnt afterwards, each a signed distance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swingrad {

struct Point {
    double x, y;  // y grows downwards
};

const std::vector<std::string>& shape_names();  // ten, in label order
// Five, whose labels go on where those end.
const std::vector<std::string>& more_shape_names();

// How far a point is outside (positive) or inside (negative) of a shape that fits into the unit circle.
double shape_distance(int64_t label, Point p);

// Where a shape is in a picture.
struct Placement {
    int64_t label = 0;
    double row = 0, column = 0;  // its centre, in pixels; pixel (r, c) covers [r, r + 1) x [c, c + 1)
    double radius = 1;           // of a circle around it, in pixels
    double angle = 0;            // in radians
};

// Distance of the centre of pixel (r, c) from it, in pixels; negative inside.
double distance_at(const Placement& shape, int64_t r, int64_t c);

// The share of a pixel that something at this distance covers, which makes edges smooth.
inline double coverage_at(double distance) { return distance <= -0.5 ? 1 : distance >= 0.5 ? 0 : 0.5 - distance; }

}  // namespace swingrad

// A shape is a signed distance: how far a point is outside (positive) or inside (negative) of it, in a plane where
// the shape just fits into the unit circle. From such functions everything follows: union is min, intersection max,
// complement the sign; a pixel is covered by clamp(1/2 - distance in pixels), which is what makes edges smooth.
// (Near corners some of them understate the distance; edges are where they say.)

#include "train/data/shapes/kinds.h"

#include "core/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace swingrad {
namespace {

constexpr double pi = std::numbers::pi;

double disc(Point p, double radius) { return std::hypot(p.x, p.y) - radius; }

double box(Point p, double half_width, double half_height) {
    return std::max(std::abs(p.x) - half_width, std::abs(p.y) - half_height);
}

double circle(Point p) { return disc(p, 0.85); }
double ring(Point p) { return std::max(disc(p, 0.9), -disc(p, 0.5)); }
double square(Point p) { return box(p, 0.7, 0.7); }
double frame(Point p) { return std::max(box(p, 0.7, 0.7), -box(p, 0.36, 0.36)); }

// Three edges at the distance 1/2 from the centre have their corners on the unit circle.
double triangle(Point p) {
    return std::max({p.y, -0.5 * p.y + std::sqrt(0.75) * p.x, -0.5 * p.y - std::sqrt(0.75) * p.x}) - 0.5;
}

// Five tips, each two mirrored halves: folded into one half, the star is one side of the line from the tip (1, 0) to
// the notch.
double star(Point p) {
    constexpr double half = pi / 5, notch_radius = 0.4;
    const double angle = std::abs(std::remainder(std::atan2(p.y, p.x), 2 * half)), radius = std::hypot(p.x, p.y);
    const Point folded{radius * std::cos(angle), radius * std::sin(angle)};
    const Point notch{notch_radius * std::cos(half), notch_radius * std::sin(half)};
    const Point normal{notch.y, 1 - notch.x};
    return ((folded.x - 1) * normal.x + folded.y * normal.y) / std::hypot(normal.x, normal.y);
}

double cross(Point p) { return std::min(box(p, 0.95, 0.28), box(p, 0.28, 0.95)); }
double crescent(Point p) { return std::max(disc(p, 0.9), -disc({p.x - 0.45, p.y}, 0.75)); }

// Three bars.
double stripes(Point p) { return std::max(box(p, 0.75, 0.66), std::abs(std::remainder(p.x, 0.58)) - 0.16); }

// Four by four cells, every other one filled.
double checker(Point p) {
    constexpr double cell = 0.35;
    const auto to_edge = [](double x) { return std::abs(x - cell * std::round(x / cell)); };
    const auto is_odd = [](double x) { return std::fmod(std::abs(std::floor(x / cell)), 2.0) == 1.0; };
    const double distance = std::min(to_edge(p.x), to_edge(p.y));
    return std::max(box(p, 2 * cell, 2 * cell), is_odd(p.x) == is_odd(p.y) ? -distance : distance);
}

// ---- the further ones

double diamond(Point p) { return (std::abs(p.x) + std::abs(p.y) - 0.95) * std::sqrt(0.5); }

// The lower half of a disc, moved up so that its middle is the circle's.
double bowl(Point p) { return std::max(disc({p.x, p.y + 0.4}, 0.9), -0.4 - p.y); }

// Two triangles tip to tip: |x| < 0.7 |y|.
double hourglass(Point p) {
    return std::max((std::abs(p.x) - 0.7 * std::abs(p.y)) / std::hypot(1, 0.7), std::abs(p.y) - 0.8);
}

double ell(Point p) { return std::min(box({p.x + 0.35, p.y}, 0.25, 0.8), box({p.x, p.y - 0.55}, 0.6, 0.25)); }

// A triangle with its tip at the top, and a shaft that begins within it.
double arrow(Point p) {
    const double side = (0.95 * std::abs(p.x) - 0.75 * (p.y + 0.95)) / std::hypot(0.95, 0.75);
    return std::min(std::max(side, p.y), box({p.x, p.y - 0.25}, 0.22, 0.65));
}

struct Kind {
    const char* name;
    double (*distance)(Point);
};
constexpr std::array<Kind, 15> all_kinds{{{"circle", circle},
                                          {"ring", ring},
                                          {"square", square},
                                          {"frame", frame},
                                          {"triangle", triangle},
                                          {"star", star},
                                          {"cross", cross},
                                          {"crescent", crescent},
                                          {"stripes", stripes},
                                          {"checker", checker},
                                          {"diamond", diamond},
                                          {"bowl", bowl},
                                          {"hourglass", hourglass},
                                          {"ell", ell},
                                          {"arrow", arrow}}};
constexpr size_t first_further = 10;

std::vector<std::string> names_between(size_t begin, size_t end) {
    std::vector<std::string> names;
    for (size_t i = begin; i < end; ++i) names.emplace_back(all_kinds[i].name);
    return names;
}

}  // namespace

const std::vector<std::string>& shape_names(ShapeKinds kinds) {
    static const std::vector<std::string> ten = names_between(0, first_further),
                                          further = names_between(first_further, all_kinds.size());
    return kinds == ShapeKinds::ten ? ten : further;
}

int64_t first_kind(ShapeKinds kinds) { return kinds == ShapeKinds::ten ? 0 : static_cast<int64_t>(first_further); }

double shape_distance(int64_t kind, Point p) { return all_kinds[static_cast<size_t>(kind)].distance(p); }

double distance_at(const Placement& shape, int64_t r, int64_t c) {
    const double dx = (static_cast<double>(c) + 0.5 - shape.column) / shape.radius;
    const double dy = (static_cast<double>(r) + 0.5 - shape.row) / shape.radius;
    const double cosine = std::cos(shape.angle), sine = std::sin(shape.angle);
    return shape_distance(shape.label, {cosine * dx + sine * dy, cosine * dy - sine * dx}) * shape.radius;
}

}  // namespace swingrad

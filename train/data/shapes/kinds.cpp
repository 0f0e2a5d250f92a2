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

// Three pairs of parallel edges.
double hexagon(Point p) {
    const double across = std::sqrt(0.75) * p.x;
    return std::max({std::abs(p.y), std::abs(across + 0.5 * p.y), std::abs(across - 0.5 * p.y)}) - 0.8;
}

double corner(Point p) { return std::min(box({p.x + 0.42, p.y}, 0.26, 0.7), box({p.x, p.y - 0.44}, 0.68, 0.26)); }
double half_disc(Point p) { return std::max(disc({p.x, p.y - 0.4}, 0.9), p.y - 0.4); }
double lens(Point p) { return std::max(disc({p.x - 0.55, p.y}, 1), disc({p.x + 0.55, p.y}, 1)); }
double dots(Point p) { return disc({std::abs(p.x) - 0.5, std::abs(p.y) - 0.5}, 0.3); }

struct Kind {
    const char* name;
    double (*distance)(Point);
};
constexpr size_t first_kinds = 10;
constexpr std::array<Kind, 15> kinds{{{"circle", circle},
                                      {"ring", ring},
                                      {"square", square},
                                      {"frame", frame},
                                      {"triangle", triangle},
                                      {"star", star},
                                      {"cross", cross},
                                      {"crescent", crescent},
                                      {"stripes", stripes},
                                      {"checker", checker},
                                      {"hexagon", hexagon},
                                      {"corner", corner},
                                      {"half-disc", half_disc},
                                      {"lens", lens},
                                      {"dots", dots}}};

std::vector<std::string> names_of(size_t begin, size_t end) {
    std::vector<std::string> list;
    for (size_t i = begin; i < end; ++i) list.emplace_back(kinds.at(i).name);
    return list;
}

}  // namespace

const std::vector<std::string>& shape_names() {
    static const std::vector<std::string> names = names_of(0, first_kinds);
    return names;
}
const std::vector<std::string>& more_shape_names() {
    static const std::vector<std::string> names = names_of(first_kinds, kinds.size());
    return names;
}

double shape_distance(int64_t label, Point p) { return kinds[static_cast<size_t>(label)].distance(p); }

double distance_at(const Placement& shape, int64_t r, int64_t c) {
    const double dx = (static_cast<double>(c) + 0.5 - shape.column) / shape.radius;
    const double dy = (static_cast<double>(r) + 0.5 - shape.row) / shape.radius;
    const double cosine = std::cos(shape.angle), sine = std::sin(shape.angle);
    return shape_distance(shape.label, {cosine * dx + sine * dy, cosine * dy - sine * dx}) * shape.radius;
}

}  // namespace swingrad

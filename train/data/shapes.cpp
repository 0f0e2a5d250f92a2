// A shape is a signed distance: how far a point is outside (positive) or inside (negative) of it, in a plane where
// the shape just fits into the unit circle. From such functions everything follows: union is min, intersection max,
// complement the sign; a pixel is covered by clamp(1/2 - distance in pixels), which is what makes edges smooth.
// (Near corners some of them understate the distance; edges are where they say.)

#include "train/data/shapes.h"

#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace swingrad {
namespace {

constexpr uint64_t shapes_seed = 20211118;
constexpr float noise_amplitude = 0.1f;  // of 0 .. 1, up and down
constexpr double pi = std::numbers::pi;

struct Point {
    double x, y;
};

// ---- the ten shapes

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

struct Kind {
    const char* name;
    double (*distance)(Point);
};
constexpr std::array<Kind, 10> kinds{{{"circle", circle},
                                      {"ring", ring},
                                      {"square", square},
                                      {"frame", frame},
                                      {"triangle", triangle},
                                      {"star", star},
                                      {"cross", cross},
                                      {"crescent", crescent},
                                      {"stripes", stripes},
                                      {"checker", checker}}};

// ---- scenes

// Numbers one after the other from one stream.
struct Draws {
    Random random;
    uint64_t index = 0;

    double between(double low, double high) { return low + (high - low) * random.uniform(index++); }
    std::array<float, 3> colour(double low, double high) {
        std::array<float, 3> channels{};
        for (float& channel : channels) channel = static_cast<float>(between(low, high));
        return channels;
    }
};

// Distance of the centre of pixel (r, c) from the scene's shape, in pixels.
double distance_at(const Scene& scene, int64_t r, int64_t c) {
    const double dx = (static_cast<double>(c) + 0.5 - scene.column) / scene.radius;
    const double dy = (static_cast<double>(r) + 0.5 - scene.row) / scene.radius;
    const double cosine = std::cos(scene.angle), sine = std::sin(scene.angle);
    const Point turned_back{cosine * dx + sine * dy, cosine * dy - sine * dx};
    return kinds[static_cast<size_t>(scene.label)].distance(turned_back) * scene.radius;
}

uint64_t number_of(Split split) { return split == Split::train ? 0 : 1; }

Random shapes_random(Split split, int64_t index) {
    return Random{shapes_seed}.split(number_of(split)).split(static_cast<uint64_t>(index));
}

}  // namespace

const std::vector<std::string>& shape_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Kind& kind : kinds) list.emplace_back(kind.name);
        return list;
    }();
    return names;
}

Scene random_scene(int64_t label, Extent extent, Random random) {
    check(label >= 0 && label < static_cast<int64_t>(kinds.size()), "[shapes] label must be 0 to {}, got {}",
          kinds.size() - 1, label);
    Draws draws{random};
    Scene scene;
    scene.label = label;
    scene.radius = draws.between(0.28, 0.44) * static_cast<double>(std::min(extent.rows, extent.columns));
    scene.row = draws.between(scene.radius, static_cast<double>(extent.rows) - scene.radius);
    scene.column = draws.between(scene.radius, static_cast<double>(extent.columns) - scene.radius);
    scene.angle = draws.between(-0.3, 0.3);
    scene.foreground = draws.colour(0.55, 1);
    scene.background = draws.colour(0, 0.45);
    return scene;
}

Scene shapes_scene(Split split, int64_t index, Extent extent) {
    return random_scene(index % static_cast<int64_t>(kinds.size()), extent, shapes_random(split, index));
}

Tensor draw_image(const Scene& scene, Extent extent, Random noise) {
    Tensor image = Tensor::empty({extent.rows, extent.columns, 3}, DType::uint8);
    uint8_t* pixel = image.data<uint8_t>();
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c, pixel += 3) {
            const auto coverage = static_cast<float>(std::clamp(0.5 - distance_at(scene, r, c), 0.0, 1.0));
            const auto words = noise.words(static_cast<uint64_t>(r * extent.columns + c));
            for (size_t i = 0; i < 3; ++i) {
                const float colour = scene.background[i] + coverage * (scene.foreground[i] - scene.background[i]);
                const float disturbed = colour + noise_amplitude * (static_cast<float>(words[i]) * 0x1p-31f - 1.0f);
                pixel[i] = static_cast<uint8_t>(std::lround(255.0f * std::clamp(disturbed, 0.0f, 1.0f)));
            }
        }
    return image;
}

Tensor draw_mask(const Scene& scene, Extent extent) {
    Tensor mask = Tensor::empty({extent.rows, extent.columns}, DType::uint8);
    for (int64_t r = 0; r < extent.rows; ++r)
        for (int64_t c = 0; c < extent.columns; ++c)
            mask.data<uint8_t>()[r * extent.columns + c] = distance_at(scene, r, c) < 0 ? 1 : 0;
    return mask;
}

Dataset load_shapes(Split split, Extent extent) {
    const int64_t count = split == Split::train ? shapes_train_size : shapes_test_size;
    Dataset data;
    data.classes = shape_names();
    data.images = Tensor::empty({count, extent.rows, extent.columns, 3}, DType::uint8);
    data.labels.resize(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) {
        const Scene scene = shapes_scene(split, i, extent);
        const Tensor image = draw_image(scene, extent, shapes_random(split, i).split(0));
        data.images.slice(i, i + 1).view(image.shape()).copy_from(image);
        data.labels[static_cast<size_t>(i)] = scene.label;
    });
    return data;
}

}  // namespace swingrad

#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/batch.h"
#include "train/data/shapes.h"
#include "train/program/images/data_source.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// The area of a shape of radius 1.
double area_of(const std::string& name) {
    const double pi = std::numbers::pi;
    if (name == "circle") return pi * 0.85 * 0.85;
    if (name == "ring") return pi * (0.9 * 0.9 - 0.5 * 0.5);
    if (name == "square") return 1.4 * 1.4;
    if (name == "frame") return 1.4 * 1.4 - 0.72 * 0.72;
    if (name == "triangle") return 3 * std::sqrt(3.0) / 4;
    if (name == "star") return 5 * 0.4 * std::sin(pi / 5);  // ten triangles of sides 1 and 0.4
    if (name == "cross") return 2 * (1.9 * 0.56) - 0.56 * 0.56;
    if (name == "stripes") return 3 * 0.32 * 1.32;
    if (name == "checker") return 1.4 * 1.4 / 2;
    // crescent: a disc less its lens with another disc
    const double R = 0.9, r = 0.75, d = 0.45;
    const double lens = r * r * std::acos((d * d + r * r - R * R) / (2 * d * r)) +
                        R * R * std::acos((d * d + R * R - r * r) / (2 * d * R)) -
                        0.5 * std::sqrt((-d + r + R) * (d + r - R) * (d - r + R) * (d + r + R));
    return pi * R * R - lens;
}

int64_t covered(const Tensor& mask) {
    const auto values = mask.span<uint8_t>();
    return std::count(values.begin(), values.end(), 1);
}

}  // namespace

TEST_CASE("every shape covers the area that geometry says, at any angle") {
    for (int64_t label = 0; label < 10; ++label)
        for (const double angle : {0.0, 0.7, 2.9}) {
            const std::string name = shape_names()[static_cast<size_t>(label)];
            INFO(name << " at " << angle);
            const Scene scene{label, 151.3, 160.8, 150, angle, {1, 1, 1}, {0, 0, 0}};
            const Tensor mask = draw_mask(scene, {310, 320});
            REQUIRE(static_cast<double>(covered(mask)) / (150.0 * 150.0) == Approx(area_of(name)).epsilon(0.01));
            // The picture without its noise is the mask with smooth edges: the same area.
            const auto pixels = draw_image(scene, {310, 320}, {}).values();
            double bright = 0;
            for (const double value : pixels) bright += value > 127 ? 1 : 0;
            REQUIRE(bright / 3 == Approx(static_cast<double>(covered(mask))).epsilon(0.01));
        }
}

TEST_CASE("a picture has the background's colour outside the mask and the foreground's inside, but for noise") {
    for (int64_t index = 0; index < 50; ++index) {
        const Scene scene = shapes_scene(Split::train, index, {32, 48});
        const Tensor mask = draw_mask(scene, {32, 48}), image = draw_image(scene, {32, 48}, Random{1});
        REQUIRE(covered(mask) > 20);
        REQUIRE(covered(mask) < 32 * 48 / 2);
        int64_t off = 0;  // pixels of an edge are mixtures
        for (int64_t i = 0; i < 32 * 48; ++i)
            for (size_t channel = 0; channel < 3; ++channel) {
                const float colour = (mask.data<uint8_t>()[i] ? scene.foreground : scene.background)[channel];
                if (std::abs(image.data<uint8_t>()[i * 3 + static_cast<int64_t>(channel)] / 255.0f - colour) > 0.102f)
                    ++off;
            }
        REQUIRE(off < 32 * 48 * 3 / 4);
        // Nothing of the shape is cut off: seen ten times as large, all of its area is there.
        const Scene large{scene.label, 10 * scene.row, 10 * scene.column, 10 * scene.radius, scene.angle, {}, {}};
        const double area = area_of(shape_names()[static_cast<size_t>(scene.label)]) * large.radius * large.radius;
        REQUIRE(static_cast<double>(covered(draw_mask(large, {320, 480}))) == Approx(area).epsilon(0.02));
    }
}

TEST_CASE("the shapes data set is balanced, fixed, and different for training and test") {
    const DataSource source = parse_data_source("shapes");
    const Dataset train = load_dataset(source, Split::train), test = load_dataset(source, Split::test);
    REQUIRE(train.size() == 8000);
    REQUIRE(test.size() == 1000);
    REQUIRE(train.extent() == Extent{32, 32});
    REQUIRE(train.classes == class_names(source));
    for (int64_t label = 0; label < 10; ++label)
        REQUIRE(std::count(test.labels.begin(), test.labels.end(), label) == 100);

    std::set<std::string> images;
    const auto collect = [&](const Dataset& data) {
        for (int64_t i = 0; i < data.size(); ++i)
            images.emplace(reinterpret_cast<const char*>(data.images.data<uint8_t>() + i * 3072), 3072);
    };
    collect(train), collect(test);
    REQUIRE(images.size() == 9000);

    const int threads = thread_count();
    set_thread_count(threads == 1 ? 2 : 1);
    REQUIRE(load_dataset(source, Split::test).images.values() == test.images.values());
    set_thread_count(threads);
}

TEST_CASE("shapes are drawn at any extent") {
    for (const Extent extent : {Extent{1, 1}, Extent{3, 33}}) {
        const Scene scene = shapes_scene(Split::test, 7, extent);
        REQUIRE(draw_image(scene, extent, {}).shape() == Shape{extent.rows, extent.columns, 3});
    }
    REQUIRE(error_of([] {
                load_dataset({"shapes", ""}, Split::test, {{0, 32}});
            }) == "[data] images must be at least 1 x 1, asked for 0 x 32");
}

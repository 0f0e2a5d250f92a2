#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/batch.h"
#include "train/data/shapes/shapes.h"
#include "train/data/sources.h"
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
    if (name == "diamond") return 2 * 0.95 * 0.95;
    if (name == "bowl") return pi * 0.9 * 0.9 / 2;
    if (name == "hourglass") return 2 * (0.56 * 0.8);
    if (name == "ell") return 0.5 * 1.6 + 1.2 * 0.5 - 0.5 * 0.5;
    if (name == "arrow") return 0.75 * 0.95 + 0.44 * 0.9;
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

// In 0 .. 1.
float pixel_of(const Tensor& image, int64_t r, int64_t c, int64_t channel) {
    return static_cast<float>(image.data<uint8_t>()[(r * image.shape()[1] + c) * 3 + channel]) / 255.0f;
}

std::string name_of(int64_t kind) {
    const int64_t ten = first_kind(ShapeKinds::further);
    return kind < ten ? shape_names()[static_cast<size_t>(kind)]
                      : shape_names(ShapeKinds::further)[static_cast<size_t>(kind - ten)];
}

// Nothing of the shape is cut off: seen ten times as large, all of its area is there.
void require_whole(const Placement& shape, Extent extent) {
    const Placement large{shape.label, 10 * shape.row, 10 * shape.column, 10 * shape.radius, shape.angle};
    const Tensor mask = draw_mask(CrowdedScene{{}, {}, {{large, {}}}, {}}, {10 * extent.rows, 10 * extent.columns});
    const double area = area_of(name_of(shape.label)) * large.radius * large.radius;
    REQUIRE(static_cast<double>(covered(mask)) == Approx(area).epsilon(0.04));
}

}  // namespace

TEST_CASE("every shape covers the area that geometry says, at any angle") {
    for (int64_t label = 0; label < 15; ++label)
        for (const double angle : {0.0, 0.7, 2.9}) {
            const std::string name = name_of(label);
            INFO(name << " at " << angle);
            const Placement shape{label, 151.3, 160.8, 150, angle};
            const Tensor mask = draw_mask(CrowdedScene{{}, {}, {{shape, {}}}, {}}, {310, 320});
            REQUIRE(static_cast<double>(covered(mask)) / (150.0 * 150.0) == Approx(area_of(name)).epsilon(0.01));
            // A picture without noise is the mask with smooth edges: the same area, in either version.
            const Texture white{{1, 1, 1}, {}, 0, 0, 0};
            for (const Tensor& image : {draw_image(CrowdedScene{{}, {}, {{shape, white}}, {}}, {310, 320}, {}),
                                        draw_image(PlainScene{shape, {1, 1, 1}, {0, 0, 0}}, {310, 320}, {})}) {
                const std::vector<double> pixels = image.values();
                const auto bright = std::count_if(pixels.begin(), pixels.end(), [](double x) { return x > 127; });
                REQUIRE(static_cast<double>(bright) / 3 == Approx(static_cast<double>(covered(mask))).epsilon(0.01));
            }
        }
}

TEST_CASE("a plain picture has the background's colour outside the shape and the foreground's inside, but for noise") {
    constexpr Extent extent{32, 48};
    for (int64_t index = 0; index < 50; ++index) {
        const PlainScene scene = plain_scene(Split::train, index, extent);
        const Tensor image = draw_image(scene, extent, Random{1});
        int64_t inside = 0, off = 0;  // pixels of an edge are mixtures
        for (int64_t r = 0; r < extent.rows; ++r)
            for (int64_t c = 0; c < extent.columns; ++c) {
                const double distance = distance_at(scene, r, c);
                inside += distance < 0 ? 1 : 0;
                if (std::abs(distance) < 0.5) continue;
                const std::array<float, 3>& colour = distance < 0 ? scene.foreground : scene.background;
                for (int64_t i = 0; i < 3; ++i)
                    if (std::abs(pixel_of(image, r, c, i) - colour[static_cast<size_t>(i)]) > 0.102f) ++off;
            }
        REQUIRE(off == 0);
        REQUIRE(inside > 20);
        REQUIRE(inside < 32 * 48 / 2);
        require_whole(scene, extent);
    }
}

TEST_CASE("a crowded picture shows its ground, its shapes and its clutter, each over those before it") {
    constexpr Extent extent{32, 48};
    int64_t with_clutter = 0, hidden_ones = 0;
    std::set<size_t> counts;
    for (int64_t index = 0; index < 200; ++index) {
        const CrowdedScene scene = crowded_scene(Split::train, index, extent);
        INFO("picture " << index);
        counts.insert(scene.shapes.size());
        for (const auto& [place, texture] : scene.shapes) {
            REQUIRE(place.label == index % 10);
            require_whole(place, extent);
            // Lighter than the ground in each channel by more than its waves and the ground's.
            for (size_t i = 0; i < 3; ++i) {
                REQUIRE(texture.base[i] - scene.background.base[i] > 0.2499f);
                REQUIRE(texture.swing[i] + scene.background.swing[i] <= 0.2f);
            }
        }
        // Where no clutter is before them, the mask is the shapes.
        CrowdedScene bare = scene;
        bare.before.clear();
        const int64_t seen = covered(draw_mask(scene, extent)), all = covered(draw_mask(bare, extent));
        REQUIRE(seen <= all);
        REQUIRE(2 * seen > all);
        hidden_ones += seen < all ? 1 : 0;
        with_clutter += scene.before.empty() && scene.behind.empty() ? 0 : 1;
        // Clutter behind is not seen within a shape.
        const Tensor image = draw_image(scene, extent, Random{1});
        CrowdedScene emptied = scene;
        emptied.behind.clear();
        const Tensor without = draw_image(emptied, extent, Random{1});
        for (int64_t r = 0; r < extent.rows; ++r)
            for (int64_t c = 0; c < extent.columns; ++c)
                if (distance_at(scene.shapes[0].place, r, c) < -0.5)
                    for (int64_t i = 0; i < 3; ++i) REQUIRE(pixel_of(image, r, c, i) == pixel_of(without, r, c, i));
    }
    REQUIRE(counts == std::set<size_t>{2, 3, 4});
    REQUIRE(with_clutter > 120);
    REQUIRE(hidden_ones > 20);
}

TEST_CASE("clutter is a bar with round ends where it was put") {
    const Clutter bar{10, 20, 5, 2, 0, {1, 1, 1}};
    const Tensor image = draw_image(CrowdedScene{{}, {bar}, {}, {}}, {30, 40}, {});
    for (const auto& [r, c, bright] : {std::tuple{10, 20, true},
                                       {10, 15, true},
                                       {9, 25, true},
                                       {10, 26, true},
                                       {10, 28, false},
                                       {13, 20, false},
                                       {6, 20, false},
                                       {10, 12, false}})
        REQUIRE((pixel_of(image, r, c, 0) > 0.5f) == bright);
    const Tensor hidden = draw_mask(CrowdedScene{{}, {}, {{{2, 10, 20, 8, 0}, {}}}, {bar}}, {30, 40});
    REQUIRE(hidden.data<uint8_t>()[10 * 40 + 20] == 0);
    REQUIRE(hidden.data<uint8_t>()[14 * 40 + 20] == 1);
}

TEST_CASE("the shapes data set is balanced, fixed, and different for training and test") {
    const DataSource source = parse_data_source(GENERATE("shapes", "shapes:1"));
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

TEST_CASE("further shapes are five other kinds on pictures of their own, and fit into them") {
    const DataSource source = parse_data_source("shapes:2-further");
    REQUIRE(class_names(source) == std::vector<std::string>{"diamond", "bowl", "hourglass", "ell", "arrow"});
    REQUIRE(lasting_source("shapes:2-further") == "shapes:2-further");
    const Dataset test = load_dataset(source, Split::test);
    REQUIRE(test.classes == class_names(source));
    for (int64_t label = 0; label < 5; ++label)
        REQUIRE(std::count(test.labels.begin(), test.labels.end(), label) == 200);
    constexpr Extent extent{32, 32};
    for (int64_t index = 0; index < 50; ++index) {
        const CrowdedScene scene = crowded_scene(Split::test, index, extent, ShapeKinds::further);
        for (const TexturedShape& shape : scene.shapes) {
            REQUIRE(shape.place.label == 10 + index % 5);
            require_whole(shape.place, extent);
        }
        // Not the same ground either: nothing of a picture tells which of the ten had its number.
        REQUIRE(scene.background.base != crowded_scene(Split::test, index, extent).background.base);
    }
    const Dataset with_masks = load_dataset(source, Split::test, {.masks = true});
    REQUIRE(with_masks.classes.size() == 6);
    std::set<uint8_t> seen;
    for (int64_t i = 0; i < 20; ++i)
        for (const uint8_t pixel : with_masks.masks->read(i).span<uint8_t>()) {
            REQUIRE((pixel == 0 || pixel == 1 + i % 5));
            seen.insert(pixel);
        }
    REQUIRE(seen.size() == 6);
    REQUIRE(error_of([] {
                load_shapes(Split::test, {8, 8}, 1, ShapeKinds::further);
            }) == "[shapes] version 1 has no further kinds");
}

// Taken once from version 0.1's pictures, and from those before there were further kinds: runs of that time must come
// back to them.
TEST_CASE("old pictures stay what they were, and the newest are those without a number") {
    const auto sum = [](const char* name) {
        const Dataset data = load_dataset(parse_data_source(name), Split::test, {.extent = {16, 16}});
        uint64_t hash = 14695981039346656037ull;  // FNV-1a
        for (const uint8_t byte : data.images.span<uint8_t>()) hash = (hash ^ byte) * 1099511628211ull;
        return hash;
    };
    REQUIRE(sum("shapes:1") == 9820807041594556708ull);
    REQUIRE(sum("shapes:2") == 3532563484255462027ull);
    REQUIRE(sum("shapes:2") == sum("shapes"));
    REQUIRE(sum("shapes:1") != sum("shapes:2"));
    REQUIRE(lasting_source("shapes") == "shapes:2");
    REQUIRE(lasting_source("shapes:1") == "shapes:1");
    REQUIRE(lasting_source("folder:shapes") == "folder:shapes");
    for (const char* text :
         {"shapes:", "shapes:0", "shapes:3", "shapes:01", "shapes:one", "shapes:1-further", "shapes-further"})
        REQUIRE(error_of([&] { parse_data_source(text); }) ==
                fmt::format("[data] expected shapes, cifar10:DIR, cifar100:DIR or folder:DIR, got \"{}\"", text));
}

TEST_CASE("shapes are drawn at any extent") {
    for (const Extent extent : {Extent{1, 1}, Extent{3, 33}}) {
        const Shape shape{extent.rows, extent.columns, 3};
        REQUIRE(draw_image(plain_scene(Split::test, 7, extent), extent, {}).shape() == shape);
        REQUIRE(draw_image(crowded_scene(Split::test, 7, extent), extent, {}).shape() == shape);
    }
    REQUIRE(error_of([] {
                load_dataset({"shapes", ""}, Split::test, {{0, 32}});
            }) == "[data] images must be at least 1 x 1, asked for 0 x 32");
}

// Pixels against Pillow's: fixtures/pixels.json, by make_pixel_fixtures.py.

#include "core/io/json_file.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/data/pixels/affine.h"
#include "train/data/pixels/crop.h"
#include "train/data/pixels/enhance.h"
#include "train/data/pixels/jitter.h"
#include "train/data/pixels/point.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Json = nlohmann::json;

// The pictures of make_pixel_fixtures.py.
Tensor picture(const std::string& name, int64_t rows, int64_t columns) {
    std::vector<uint8_t> pixels;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
            for (int64_t k = 0; k < 3; ++k) {
                int64_t value = 40 + 70 * k;
                if (name == "rough") value = r * 37 + c * 91 + k * 53 + r * c * 7;
                if (name == "flat") value = 60 + (r * 5 + c * 3 + k * 20) % 120;
                pixels.push_back(static_cast<uint8_t>(value % 256));
            }
    return Tensor::from({rows, columns, 3}, pixels);
}

std::vector<uint8_t> from_base64(const std::string& text) {
    const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<uint8_t> bytes;
    uint32_t bits = 0;
    int count = 0;
    for (const char letter : text) {
        if (letter == '=') break;
        bits = bits << 6 | static_cast<uint32_t>(letters.find(letter));
        if ((count += 6) >= 8) bytes.push_back(static_cast<uint8_t>(bits >> (count -= 8)));
    }
    return bytes;
}

Ground ground_of(const std::string& interpolation) { return {interpolation_named(interpolation), {124, 116, 104}}; }

Tensor moved(const std::string& operation, const Tensor& x, const Json& p) {
    const Ground ground = ground_of(p[1]);
    const double by = p[0];
    if (operation == "shear_rows") return sheared_along_rows(x, by, ground);
    if (operation == "shear_columns") return sheared_along_columns(x, by, ground);
    if (operation == "move_rows") return moved_along_rows(x, by, ground);
    if (operation == "move_columns") return moved_along_columns(x, by, ground);
    REQUIRE(operation == "rotate");
    return rotated(x, by, ground);
}

Tensor result_of(const std::string& operation, const Tensor& x, const Json& p) {
    if (operation == "resize") return resized(x, {p[0], p[1]}, interpolation_named(p[2]));
    if (operation == "resized_crop")
        return resized(cut_out(x, {p[0], p[1], p[2], p[3]}), {p[4], p[4]}, interpolation_named(p[5]));
    if (operation == "fit")
        return fitted(x, {p[0], p[0]}, {p[1], crop_mode_named(p[2]), interpolation_named(p[3]), {124, 116, 104}});
    if (operation == "colour") return with_colour(x, p[0]);
    if (operation == "contrast") return with_contrast(x, p[0]);
    if (operation == "brightness") return with_brightness(x, p[0]);
    if (operation == "sharpness") return with_sharpness(x, p[0]);
    if (operation == "invert") return inverted(x);
    if (operation == "posterize") return posterized(x, p[0]);
    if (operation == "solarize") return solarized(x, p[0]);
    if (operation == "solarize_add") return brightened_below_half(x, p[0]);
    if (operation == "autocontrast") return with_full_contrast(x);
    if (operation == "equalize") return equalized(x);
    return moved(operation, x, p);
}

// Pillow takes some images columns first where they are made smaller, so that it rounds elsewhere.
int allowed(const std::string& operation) {
    return operation == "resize" || operation == "resized_crop" || operation == "fit" ? 1 : 0;
}

}  // namespace

TEST_CASE("pictures are resized, moved and recoloured as Pillow does it") {
    const Json fixture = read_json_file(fixtures() / "pixels.json");
    std::set<std::string> seen;
    for (const Json& one : fixture.at("cases")) {
        const std::string operation = one.at("operation");
        const Json& from = one.at("picture");
        CAPTURE(operation, one.at("parameters").dump(), from.dump());
        const Tensor result = result_of(operation, picture(from[0], from[1], from[2]), one.at("parameters"));
        REQUIRE(result.shape() == Shape{one.at("size")[0], one.at("size")[1], 3});
        const std::vector<uint8_t> expected = from_base64(one.at("pixels"));
        REQUIRE(static_cast<int64_t>(expected.size()) == result.numel());
        int largest = 0;
        for (size_t i = 0; i < expected.size(); ++i)
            largest = std::max(largest, std::abs(result.data<uint8_t>()[i] - expected[i]));
        CHECK(largest <= allowed(operation));
        seen.insert(operation);
    }
    REQUIRE(seen.size() == 18);
}

TEST_CASE("operations on pixels leave what they are given as it was") {
    const Tensor image = picture("rough", 26, 21), before = image.clone();
    const Ground ground;
    for (const Tensor& result : {inverted(image), posterized(image, 1), equalized(image), with_contrast(image, 0),
                                 with_sharpness(image, 2), rotated(image, 20, ground), flipped(image)})
        REQUIRE_FALSE(same_bits(result, image));
    REQUIRE(same_bits(image, before));
    REQUIRE(same_bits(flipped(flipped(image)), image));
}

TEST_CASE("a shifted picture has a border where it has no pixels") {
    const Tensor image = picture("rough", 4, 5), result = shifted(image, -1, 2, {1, 2, 3});
    for (int64_t r = 0; r < 4; ++r)
        for (int64_t c = 0; c < 5; ++c)
            for (int64_t k = 0; k < 3; ++k) {
                const bool inside = r >= 1 && c < 3;
                const int expected =
                    inside ? image.data<uint8_t>()[((r - 1) * 5 + c + 2) * 3 + k] : static_cast<int>(k + 1);
                REQUIRE(result.data<uint8_t>()[(r * 5 + c) * 3 + k] == expected);
            }
}

TEST_CASE("random boxes have the areas and ratios asked for, lie everywhere, and fall back to the middle") {
    const ResizedCrop crop{{0.1, 0.6}, {0.5, 2}};
    double least = 1, most = 0;
    std::set<int64_t> tops, lefts;
    for (uint64_t i = 0; i < 2000; ++i) {
        Draws draws(Random{3, i});
        const Box box = random_box({60, 80}, crop, draws);
        REQUIRE(box.top >= 0);
        REQUIRE(box.left >= 0);
        REQUIRE(box.top + box.rows <= 60);
        REQUIRE(box.left + box.columns <= 80);
        const double area = static_cast<double>(box.rows * box.columns) / 4800;
        const double ratio = static_cast<double>(box.columns) / static_cast<double>(box.rows);
        REQUIRE(ratio > 0.47);  // sides are rounded
        REQUIRE(ratio < 2.1);
        least = std::min(least, area), most = std::max(most, area);
        tops.insert(box.top), lefts.insert(box.left);
    }
    REQUIRE(least > 0.09);
    REQUIRE(least < 0.12);
    REQUIRE(most > 0.55);
    REQUIRE(most < 0.62);
    REQUIRE(tops.size() > 35);
    REQUIRE(lefts.size() > 45);

    // No such part fits into a line: the widest that is allowed, in its middle.
    Draws draws(Random{3, 0});
    REQUIRE(random_box({4, 100}, {{0.9, 1}, {0.5, 2}}, draws) == Box{0, 46, 4, 8});
    REQUIRE(random_box({100, 4}, {{0.9, 1}, {0.5, 2}}, draws) == Box{46, 0, 8, 4});
    REQUIRE(random_box({1, 1}, {}, draws) == Box{0, 0, 1, 1});
}

TEST_CASE("colour jitter changes brightness, contrast and colour by factors about 1, in any order") {
    const Tensor image = picture("flat", 5, 4);
    REQUIRE(same_bits(
        [&] {
            Draws draws(Random{1, 1});
            return jittered(image, 0, draws);
        }(),
        image));
    using Change = Tensor (*)(const Tensor&, double);
    std::map<std::vector<Change>, int> seen;
    for (uint64_t i = 0; i < 600; ++i) {
        Draws draws(Random{1, i}), same(Random{1, i});
        const Tensor result = jittered(image, 0.4, draws);
        same.below(3), same.below(2);  // the order; then the factors, as they are used
        double factors[3];
        for (double& factor : factors) factor = same.between(0.6, 1.4);
        std::vector<Change> order{with_brightness, with_contrast, with_colour};
        std::sort(order.begin(), order.end());
        int matches = 0;
        do {
            Tensor expected = image;
            for (size_t k = 0; k < 3; ++k) expected = order[k](expected, factors[k]);
            if (same_bits(expected, result)) ++matches, ++seen[order];
        } while (std::next_permutation(order.begin(), order.end()));
        REQUIRE(matches >= 1);
    }
    REQUIRE(seen.size() == 6);
    for (const auto& [order, count] : seen) REQUIRE(std::abs(count - 100) < 50);
}

TEST_CASE("what no operation on pixels can be asked for is refused") {
    const Tensor image = picture("flat", 2, 2);
    REQUIRE(error_of([&] { posterized(image, 9); }) == "[posterized] bits must be 0 to 8, got 9");
    REQUIRE(error_of([&] {
                inverted(Tensor::zeros({2, 2, 3}));
            }) == "[pixels] expected an image, uint8 [H, W, 3], got float32 [2, 2, 3] on cpu");
    REQUIRE(error_of([&] {
                cut_out(image, {1, 0, 2, 1});
            }) == "[cut_out] 2 x 1 pixels at row 1, column 0 are not within 2 x 2");
    REQUIRE(error_of([] { interpolation_named("nearest"); }) ==
            "interpolation must be bicubic or bilinear, got \"nearest\"");
    REQUIRE(error_of([] { crop_mode_named("middle"); }) ==
            "the crop mode must be center, border or squash, got \"middle\"");
    REQUIRE(error_of([&] {
                fitted(image, {2, 2}, {.crop_share = 0});
            }) == "[resize] the share of a crop must be in (0, 1], got 0");
}

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/pixels/enhance.h"
#include "train/data/pixels/point.h"
#include "train/data/pixels/policy.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Ground ground{Interpolation::bilinear, {1, 2, 3}};

Tensor picture() {
    std::vector<uint8_t> pixels;
    for (int i = 0; i < 20 * 16 * 3; ++i) pixels.push_back(static_cast<uint8_t>(20 + (i * 37 + i * i) % 200));
    return Tensor::from({20, 16, 3}, pixels);
}

// Whether the operation gives one of `expected`, and over many draws each of them.
bool gives(const std::string& operation, double magnitude, const std::vector<Tensor>& expected) {
    const Tensor image = picture();
    std::vector<bool> seen(expected.size(), false);
    for (uint64_t i = 0; i < 64; ++i) {
        Draws draws(Random{2, i});
        const Tensor result = policy_operation(operation)(image, magnitude, ground, draws);
        bool found = false;
        for (size_t k = 0; k < expected.size(); ++k)
            if (same_bits(result, expected[k])) seen[k] = found = true;
        if (!found) return false;
    }
    return std::find(seen.begin(), seen.end(), false) == seen.end();
}

std::vector<double> magnitudes;  // that note() was called with

Tensor note(const Tensor& image, double magnitude, const Ground&, Draws&) {
    magnitudes.push_back(magnitude);
    return image;
}

std::vector<double> magnitudes_of(const Policy& policy) {
    magnitudes.clear();
    for (uint64_t i = 0; i < 4000; ++i) {
        Draws draws(Random{4, i});
        augmented(picture(), policy, ground, draws);
    }
    return magnitudes;
}

}  // namespace

TEST_CASE("a policy's operations go as far as their magnitude says") {
    const Tensor x = picture();
    CHECK(gives("AutoContrast", 3, {with_full_contrast(x)}));
    CHECK(gives("Equalize", 3, {equalized(x)}));
    CHECK(gives("Invert", 3, {inverted(x)}));
    CHECK(gives("Rotate", 9, {rotated(x, 27, ground), rotated(x, -27, ground)}));
    CHECK(gives("Posterize", 6, {posterized(x, 2)}));
    CHECK(gives("PosterizeIncreasing", 3, {posterized(x, 3)}));
    CHECK(gives("PosterizeIncreasing", 15, {posterized(x, 0)}));
    CHECK(gives("PosterizeOriginal", 6, {posterized(x, 6)}));
    CHECK(gives("PosterizeOriginal", 10, {x}));
    CHECK(gives("Solarize", 3, {solarized(x, 76)}));
    CHECK(gives("Solarize", 30, {solarized(x, 256)}));
    CHECK(gives("SolarizeIncreasing", 3, {solarized(x, 180)}));
    CHECK(gives("SolarizeAdd", 9, {brightened_below_half(x, 99)}));
    CHECK(gives("SolarizeAdd", 30, {brightened_below_half(x, 128)}));
    CHECK(gives("Color", 4, {with_colour(x, 0.1 + 1.8 * 4 / 10)}));
    CHECK(gives("ColorIncreasing", 5, {with_colour(x, 1.45), with_colour(x, 0.55)}));
    CHECK(gives("Contrast", 4, {with_contrast(x, 0.1 + 1.8 * 4 / 10)}));
    CHECK(gives("ContrastIncreasing", 5, {with_contrast(x, 1.45), with_contrast(x, 0.55)}));
    CHECK(gives("Brightness", 4, {with_brightness(x, 0.1 + 1.8 * 4 / 10)}));
    CHECK(gives("BrightnessIncreasing", 20, {with_brightness(x, 2.8), with_brightness(x, 0.1)}));
    CHECK(gives("Sharpness", 4, {with_sharpness(x, 0.1 + 1.8 * 4 / 10)}));
    CHECK(gives("SharpnessIncreasing", 5, {with_sharpness(x, 1.45), with_sharpness(x, 0.55)}));
    CHECK(gives("ShearX", 7,
                {sheared_along_rows(x, 0.3 * 7 / 10, ground), sheared_along_rows(x, -0.3 * 7 / 10, ground)}));
    CHECK(gives("ShearY", 7,
                {sheared_along_columns(x, 0.3 * 7 / 10, ground), sheared_along_columns(x, -0.3 * 7 / 10, ground)}));
    CHECK(gives("TranslateXRel", 5,
                {moved_along_rows(x, 0.45 * 5 / 10 * 16, ground), moved_along_rows(x, -0.45 * 5 / 10 * 16, ground)}));
    CHECK(gives(
        "TranslateYRel", 5,
        {moved_along_columns(x, 0.45 * 5 / 10 * 20, ground), moved_along_columns(x, -0.45 * 5 / 10 * 20, ground)}));
}

TEST_CASE("a policy's text says which operations, how many, how likely and how far") {
    const Policy rand = policy_named("rand-m9-mstd0.5-inc1");
    REQUIRE(rand.sequences.size() == 15);
    REQUIRE(rand.layers == 2);
    REQUIRE(rand.deviation == 0.5);
    REQUIRE(rand.most_magnitude == 10);
    for (const auto& sequence : rand.sequences) {
        REQUIRE(sequence.size() == 1);
        REQUIRE(sequence[0].magnitude == 9);
        REQUIRE(sequence[0].probability == 0.5);
    }
    REQUIRE(rand.sequences[4][0].operation == policy_operation("PosterizeIncreasing"));
    REQUIRE(policy_named("rand").sequences[4][0].operation == policy_operation("Posterize"));
    REQUIRE(policy_named("rand").sequences[0][0].magnitude == 10);
    const Policy other = policy_named("rand-n3-p1-mmax20-mstd101");
    REQUIRE(other.layers == 3);
    REQUIRE(other.sequences[0][0].probability == 1);
    REQUIRE(other.most_magnitude == 20);
    REQUIRE(std::isinf(other.deviation));
    REQUIRE(policy_named("rand-mstd100").deviation == 100);
    for (const std::string name : {"original", "originalr", "v0", "v0r"}) {
        const Policy pairs = policy_named(name + "-mstd0.3");
        REQUIRE(pairs.sequences.size() == 25);
        REQUIRE(pairs.layers == 1);
        REQUIRE(pairs.deviation == 0.3);
        for (const auto& pair : pairs.sequences) REQUIRE(pair.size() == 2);
    }
    REQUIRE(policy_named("original").sequences[0][0].operation == policy_operation("PosterizeOriginal"));
    REQUIRE(policy_named("originalr").sequences[0][0].operation == policy_operation("PosterizeIncreasing"));
    REQUIRE(policy_named("v0").sequences[12][0].operation == policy_operation("Posterize"));
    REQUIRE(policy_named("").sequences.empty());

    for (const std::string text : {"rnd", "rand-", "rand-m", "rand-q3", "rand-9", "rand-m9-m8", "original-m9", "v1",
                                   "-m9", "augmix-m3", "3a", "rand-tw0", "rand--m9", "rand m9"})
        CHECK(
            error_of([&] { policy_named(text); }).starts_with("unknown policy \"" + text + "\": expected one such as"));
    CHECK(error_of([] { policy_named("rand-m9.5"); }) ==
          "policy \"rand-m9.5\": m must be a whole number, 0 to 1000, got 9.5");
    CHECK(error_of([] { policy_named("rand-p2"); }) == "policy \"rand-p2\": p must be 0 to 1, got 2");
    CHECK(error_of([] { policy_named("rand-inc0"); }) ==
          "policy \"rand-inc0\": inc must be a whole number, 1 to 1, got 0");
    CHECK(error_of([] { policy_named("rand-n2x"); }) ==
          "policy \"rand-n2x\": n must be a whole number, 1 to 1000, got 2x");
}

TEST_CASE("magnitudes vary as the policy says, within 0 and its most, and steps are left out") {
    Policy policy{{{{note, 1, 8}}}, 3};
    const auto fixed = magnitudes_of(policy);
    REQUIRE(fixed.size() == 12000);
    REQUIRE(std::count(fixed.begin(), fixed.end(), 8.0) == 12000);

    policy.deviation = 1;
    double sum = 0, squares = 0;
    int64_t cut = 0;
    for (const double m : magnitudes_of(policy)) {
        REQUIRE(m <= 10);
        cut += m == 10;
        sum += m, squares += (m - 8) * (m - 8);
    }
    REQUIRE(sum / 12000 == Approx(8).margin(0.05));
    REQUIRE(std::sqrt(squares / 12000) == Approx(1).margin(0.05));
    REQUIRE(static_cast<double>(cut) / 12000 == Approx(0.0228).margin(0.006));  // beyond two deviations

    policy.deviation = std::numeric_limits<double>::infinity();
    sum = squares = 0;
    for (const double m : magnitudes_of(policy)) sum += m, squares += (m - 4) * (m - 4);
    REQUIRE(sum / 12000 == Approx(4).margin(0.1));
    REQUIRE(squares / 12000 == Approx(64.0 / 12).margin(0.2));

    policy = {{{{note, 0.3, 1}, {note, 1, 2}}, {{note, 1, 3}}}};
    const auto pairs = magnitudes_of(policy);
    const auto share = [&](double m) { return static_cast<double>(std::count(pairs.begin(), pairs.end(), m)) / 4000; };
    REQUIRE(share(1) == Approx(0.15).margin(0.025));
    REQUIRE(share(2) == Approx(0.5).margin(0.035));
    REQUIRE(share(3) == 1 - share(2));
}

TEST_CASE("RandAugment draws each of its operations as often as the others") {
    // At magnitude 0 most of them change nothing, and inverting is one of fifteen.
    const Tensor image = picture(), inverse = inverted(image);
    const Policy policy = policy_named("rand-m0-n1-p1-inc1");
    int count = 0, untouched = 0;
    for (uint64_t i = 0; i < 6000; ++i) {
        Draws draws(Random{6, i});
        const Tensor result = augmented(image, policy, ground, draws);
        count += same_bits(result, inverse);
        untouched += same_bits(result, image);
    }
    REQUIRE(std::abs(count - 400) < 80);        // four standard deviations
    REQUIRE(std::abs(untouched - 4400) < 140);  // all but AutoContrast, Equalize, Invert and Posterize to 4 bits
}

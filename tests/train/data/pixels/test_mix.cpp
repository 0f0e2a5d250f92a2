#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/pixels/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

constexpr int64_t R = 10, C = 12;

// Image i holds i + 1 everywhere, its label is i, so pixels and targets say what was mixed.
struct Mixed {
    Tensor images, targets;

    Mixed(int64_t B, const Mixing& mixing, uint64_t seed) : images(Tensor::empty({B, R, C, 3})) {
        std::vector<int64_t> labels;
        std::vector<Random> streams;
        for (int64_t i = 0; i < B; ++i) {
            std::fill_n(images.data<float>() + i * R * C * 3, R * C * 3, static_cast<float>(i + 1));
            labels.push_back(i);
            streams.push_back(Random{seed, static_cast<uint64_t>(i)});
        }
        targets = mix(images, labels, B, mixing, streams);
    }
    int64_t B() const { return images.shape()[0]; }
    double share_of(int64_t image, int64_t label) const { return targets.data<float>()[image * B() + label]; }
    double own_share(int64_t i) const { return share_of(i, i); }
    std::span<const float> image(int64_t i) const {
        return images.span<float>().subspan(static_cast<size_t>(i * R * C * 3), R * C * 3);
    }

    // What mixup makes of the image, and of its target.
    bool is_mixup(int64_t i) const {
        const double own = own_share(i),
                     expected = own * static_cast<double>(i + 1) + (1 - own) * static_cast<double>(B() - i);
        const auto pixels = image(i);
        return share_of(i, B() - 1 - i) == Approx(1 - own).margin(1e-6) &&
               std::all_of(pixels.begin(), pixels.end(), [&](float x) { return std::abs(x - expected) < 1e-5; });
    }
    // Whether as many pixels are the other's as the target says, in one rectangle.
    bool is_cutmix(int64_t i) const {
        const auto pixels = image(i);
        std::set<int64_t> rows, columns;
        int64_t replaced = 0;
        for (int64_t p = 0; p < R * C * 3; ++p) {
            const float x = pixels[static_cast<size_t>(p)];
            if (x == static_cast<float>(i + 1)) continue;
            if (x != static_cast<float>(B() - i)) return false;
            rows.insert(p / 3 / C), columns.insert(p / 3 % C), ++replaced;
        }
        return replaced == static_cast<int64_t>(rows.size() * columns.size()) * 3 &&
               own_share(i) == Approx(1 - static_cast<double>(replaced) / (R * C * 3)).margin(1e-6) &&
               share_of(i, B() - 1 - i) == Approx(1 - own_share(i)).margin(1e-6);
    }
};

}  // namespace

TEST_CASE("mixup mixes pixels and targets by the same share, drawn by batch, pair or image") {
    for (const MixMode mode : {MixMode::batch, MixMode::pair, MixMode::elem}) {
        const Mixed mixed(6, {.mixup = 1, .mode = mode}, 5);
        std::set<double> shares;
        for (int64_t i = 0; i < 6; ++i) {
            REQUIRE(mixed.is_mixup(i));
            shares.insert(mixed.own_share(i));
        }
        REQUIRE(shares.size() == (mode == MixMode::batch ? 1u : mode == MixMode::pair ? 3u : 6u));
        if (mode != MixMode::elem)
            for (int64_t i = 0; i < 3; ++i) REQUIRE(mixed.own_share(i) == mixed.own_share(5 - i));
    }
}

TEST_CASE("cutmix replaces a rectangle, and the target has the share of the area that stayed") {
    for (const MixMode mode : {MixMode::batch, MixMode::pair, MixMode::elem}) {
        std::set<double> shares;
        for (uint64_t seed = 0; seed < 200; ++seed) {
            const Mixed mixed(4, {.cutmix = 1, .mode = mode}, seed);
            for (int64_t i = 0; i < 4; ++i) {
                REQUIRE(mixed.is_cutmix(i));
                shares.insert(mixed.own_share(i));
                if (mode != MixMode::elem) REQUIRE(mixed.own_share(i) == mixed.own_share(3 - i));
                if (mode == MixMode::batch) REQUIRE(mixed.own_share(i) == mixed.own_share(0));
            }
        }
        REQUIRE(*shares.begin() < 0.45);
        REQUIRE(*shares.rbegin() > 0.9);
    }
}

TEST_CASE("mixtures are as frequent as asked, and so is cutmix among them") {
    int untouched = 0, cut = 0, mixed_up = 0;
    for (uint64_t seed = 0; seed < 500; ++seed) {
        const Mixed mixed(
            4, {.mixup = 1, .cutmix = 1, .probability = 0.7, .switch_probability = 0.2, .mode = MixMode::elem}, seed);
        for (int64_t i = 0; i < 4; ++i) {
            if (mixed.own_share(i) == 1) ++untouched;
            else if (mixed.is_cutmix(i)) ++cut;
            else if (mixed.is_mixup(i)) ++mixed_up;
        }
    }
    REQUIRE(untouched + cut + mixed_up == 2000);
    REQUIRE(std::abs(untouched - 600) < 100);  // and a few of cutmix that replaced nothing
    REQUIRE(std::abs(mixed_up - 1120) < 100);
    REQUIRE(std::abs(cut - 280) < 80);
}

TEST_CASE("a batch's share is drawn from its first image's stream, and a pair's from that of its first") {
    const std::vector<int64_t> labels{0, 1, 2, 3};
    const auto targets = [&](MixMode mode, uint64_t first, uint64_t others) {
        const std::vector<Random> streams{{first, 0}, {others, 1}, {others, 2}, {others, 3}};
        return mix(Tensor::zeros({4, 2, 2, 3}), labels, 4, {.mixup = 1, .mode = mode}, streams);
    };
    REQUIRE(same_bits(targets(MixMode::batch, 1, 2), targets(MixMode::batch, 1, 3)));
    REQUIRE_FALSE(same_bits(targets(MixMode::batch, 1, 2), targets(MixMode::batch, 4, 2)));
    REQUIRE(same_bits(targets(MixMode::pair, 1, 2).slice(3, 4), targets(MixMode::pair, 1, 3).slice(3, 4)));
    REQUIRE_FALSE(same_bits(targets(MixMode::elem, 1, 2).slice(3, 4), targets(MixMode::elem, 1, 3).slice(3, 4)));
}

TEST_CASE("the middle of an odd batch, and an only image, are mixed with themselves") {
    for (const int64_t B : {1, 3}) {
        const Mixed mixed(B, {.mixup = 0.5}, 3);
        REQUIRE(mixed.share_of(B / 2, B / 2) == Approx(1));
        for (const float x : mixed.image(B / 2)) REQUIRE(x == Approx(static_cast<float>(B / 2 + 1)));
        for (int64_t i = 0; i < B; ++i) {
            double sum = 0;
            for (int64_t k = 0; k < B; ++k) sum += mixed.share_of(i, k);
            REQUIRE(sum == Approx(1));
        }
    }
}

TEST_CASE("beta draws have the distribution's means, variances and quantiles") {
    const auto sorted = [](double a) {
        std::vector<double> draws;
        for (uint64_t i = 0; i < 4000; ++i) {
            Draws from(Random{11, i});
            draws.push_back(beta(a, from));
        }
        std::sort(draws.begin(), draws.end());
        return draws;
    };
    for (const double a : {0.2, 0.5, 1.0, 1.7, 8.0}) {
        const auto draws = sorted(a);
        double mean = 0, variance = 0;
        for (const double x : draws) mean += x / 4000;
        for (const double x : draws) variance += (x - 0.5) * (x - 0.5) / 4000;
        CAPTURE(a);
        CHECK(mean == Approx(0.5).margin(0.025));
        CHECK(variance == Approx(1 / (4 * (2 * a + 1))).epsilon(0.08));
    }
    // The distribution function in closed form; the largest distance of 4000 draws stays below 1.95 / sqrt(4000).
    const auto distance = [&](double a, auto&& below) {
        const auto draws = sorted(a);
        double largest = 0;
        for (size_t i = 0; i < draws.size(); ++i)
            largest = std::max(largest, std::abs(below(draws[i]) - (static_cast<double>(i) + 0.5) / 4000));
        return largest;
    };
    CHECK(distance(0.5, [](double x) { return 2 / M_PI * std::asin(std::sqrt(x)); }) < 0.031);
    CHECK(distance(1, [](double x) { return x; }) < 0.031);
    CHECK(distance(2, [](double x) { return 3 * x * x - 2 * x * x * x; }) < 0.031);
    Draws from(Random{});
    REQUIRE(error_of([&] { beta(0, from); }) == "[beta] the parameter must be above 0, got 0");
}

TEST_CASE("a word for mixing that means nothing, and a label that is no class, are refused") {
    REQUIRE(mix_mode_named("pair") == MixMode::pair);
    REQUIRE(error_of([] { mix_mode_named("half"); }) == "images are mixed by batch, pair or elem, got \"half\"");
    const std::vector<int64_t> labels{0, 3};
    const std::vector<Random> streams(2);
    REQUIRE(error_of([&] {
                mix(Tensor::zeros({2, 1, 1, 3}), labels, 3, {.mixup = 1}, streams);
            }) == "[mix] label 3 is none of 3 classes");
}

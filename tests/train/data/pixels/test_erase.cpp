#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/pixels/erase.h"

#include <algorithm>
#include <set>
#include <vector>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("erased rectangles are of the mean, of one colour or of noise, and of the size asked for") {
    const Extent extent{40, 30};
    double least = 1, most = 0, noise = 0, squares = 0, noisy = 0;
    int erased = 0;
    for (const auto fill : {Erasing::Fill::constant, Erasing::Fill::random, Erasing::Fill::pixel})
        for (uint64_t i = 0; i < 400; ++i) {
            std::vector<float> image(40 * 30 * 3, 100);
            Draws draws(Random{7, i});
            erase(image.data(), extent, {.probability = 0.6, .fill = fill}, draws);
            std::set<size_t> rows, columns;
            std::set<float> values;
            size_t count = 0;
            for (size_t p = 0; p < image.size(); ++p)
                if (image[p] != 100) {
                    rows.insert(p / 3 / 30), columns.insert(p / 3 % 30), values.insert(image[p]), ++count;
                    if (fill == Erasing::Fill::pixel) noise += image[p], squares += image[p] * image[p], ++noisy;
                }
            REQUIRE(count == rows.size() * columns.size() * 3);  // one rectangle
            if (count == 0) continue;
            ++erased;
            const double share = static_cast<double>(count) / static_cast<double>(image.size());
            least = std::min(least, share), most = std::max(most, share);
            if (fill == Erasing::Fill::constant) REQUIRE(values == std::set<float>{0});
            if (fill == Erasing::Fill::random) REQUIRE(values.size() <= 3);
            if (fill == Erasing::Fill::pixel) REQUIRE(values.size() > count / 2);
        }
    REQUIRE(std::abs(erased - 720) < 70);
    REQUIRE(least > 0.012);  // sides are rounded
    REQUIRE(least < 0.04);
    REQUIRE(most > 0.3);
    REQUIRE(most < 0.36);
    REQUIRE(noise / noisy == Approx(0).margin(0.02));
    REQUIRE(squares / noisy == Approx(1).margin(0.02));
}

TEST_CASE("several rectangles share the area of one") {
    double most = 0;
    int several = 0;
    for (uint64_t i = 0; i < 300; ++i) {
        std::vector<float> image(40 * 40 * 3, 100);
        Draws draws(Random{8, i});
        erase(image.data(), {40, 40}, {.probability = 1, .fill = Erasing::Fill::random, .most = 4}, draws);
        const std::set<float> values(image.begin(), image.end());
        several += values.size() > 4;
        most = std::max(
            most,
            static_cast<double>(std::count_if(image.begin(), image.end(), [](float x) { return x != 100; })) / 4800);
    }
    REQUIRE(several > 180);
    REQUIRE(most < 0.36);
}

TEST_CASE("a word for what is erased that means nothing is refused") {
    REQUIRE(erasing_fill_named("rand") == Erasing::Fill::random);
    REQUIRE(error_of([] { erasing_fill_named("black"); }) ==
            "what is erased becomes const, rand or pixel, got \"black\"");
}

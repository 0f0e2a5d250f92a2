#include "core/random.h"

#include "tests/support/catch.h"

#include <cmath>
#include <set>
#include <vector>

using namespace swingrad;

// The counter's four words are index (low, high) and stream (low, high), the key's two are the seed.
TEST_CASE("Philox 4x32-10 gives the published answers") {
    using Words = std::array<uint32_t, 4>;
    REQUIRE(Random{0, 0}.words(0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    const uint64_t ones = ~uint64_t{0};
    REQUIRE(Random{ones, ones}.words(ones) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    // The digits of pi, in words: counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0.
    REQUIRE(Random{0x299f31d0a4093822, 0x0370734413198a2e}.words(0x85a308d3243f6a88) ==
            Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers lie between 0 and 1, without 1, with the moments of the uniform distribution") {
    const Random random{1, 2};
    double sum = 0, squares = 0;
    constexpr int count = 200000;
    for (uint64_t i = 0; i < count; ++i) {
        const float u = random.uniform(i);
        REQUIRE((u >= 0 && u < 1));
        sum += u, squares += double(u) * u;
    }
    // Four standard errors.
    REQUIRE(std::abs(sum / count - 1.0 / 2) < 4 * std::sqrt(1.0 / 12 / count));
    REQUIRE(std::abs(squares / count - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / count));
}

TEST_CASE("normal numbers have the moments of the normal distribution") {
    const Random random{1, 3};
    double sums[4] = {};
    constexpr int count = 200000;
    for (uint64_t i = 0; i < count; ++i) {
        const double z = random.normal(i);
        double power = 1;
        for (double& sum : sums) sum += power *= z;
    }
    const double expected[4] = {0, 1, 0, 3}, variances[4] = {1, 2, 15, 96};
    for (int k = 0; k < 4; ++k) {
        INFO("moment " << k + 1);
        REQUIRE(std::abs(sums[k] / count - expected[k]) < 4 * std::sqrt(variances[k] / count));
    }
}

// A run's weights begin with these numbers, so they may never change. Worked out from the words above by the formula,
// sqrt(-2 ln((w0 + 1) / 2^32)) cos(2 pi w1 / 2^32), outside this program.
TEST_CASE("normal numbers are those of every version, by Box and Muller from the first two words") {
    REQUIRE(Random{0, 0}.normal(0) == Approx(0.9911376790966604).epsilon(1e-14));
    const uint64_t ones = ~uint64_t{0};
    REQUIRE(Random{ones, ones}.normal(ones) == Approx(-0.0725807901083401).epsilon(1e-14));
    REQUIRE(Random{0x299f31d0a4093822, 0x0370734413198a2e}.normal(0x85a308d3243f6a88) ==
            Approx(-0.5514679005414911).epsilon(1e-14));
}

TEST_CASE("below reaches every value under its bound, about equally often, and none above") {
    const Random random{1, 4};
    for (const uint32_t bound : {1u, 2u, 7u, 10u}) {
        std::vector<int> seen(bound);
        constexpr int count = 20000;
        for (uint64_t i = 0; i < count; ++i) ++seen.at(random.below(i, bound));
        const double expected = double(count) / bound;
        for (const int times : seen) REQUIRE(std::abs(times - expected) <= 5 * std::sqrt(expected));
    }
    for (uint64_t i = 0; i < 1000; ++i) REQUIRE(random.below(i, 0xffffffffu) < 0xffffffffu);
}

TEST_CASE("streams split by purpose differ from each other and from their parent") {
    const Random parent{9, 9};
    std::set<uint64_t> streams{parent.stream};
    for (uint64_t purpose = 0; purpose < 1000; ++purpose) {
        streams.insert(parent.split(purpose).stream);
        streams.insert(parent.split(0).split(purpose).stream);
    }
    REQUIRE(streams.size() == 2001);
    REQUIRE(parent.split(3).seed == parent.seed);
    REQUIRE(parent.split(3).words(0) == parent.split(3).words(0));
}

// Power laws by hand, the ResNet's costs, and what the experiment scaling makes of results. Its command:
// test_experiments.sh.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/experiments/scaling/findings.h"
#include "train/experiments/scaling/power_law.h"
#include "train/experiments/scaling/resnet.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

TEST_CASE("a power law is a straight line through logarithms, with the standard error of its slope") {
    const PowerLaw exact = power_law_of({1, 2, 4, 8}, {3, 3 / std::sqrt(2.0), 1.5, 1.5 / std::sqrt(2.0)});
    REQUIRE(exact.exponent == Approx(0.5));
    REQUIRE(exact.factor == Approx(3));
    REQUIRE(exact.error == Approx(0).margin(1e-12));
    REQUIRE(exact.at(16) == Approx(0.75));
    // By hand: u = 0, 1, 2, 3 and v = 0, -1, -1, -2 have the slope -0.6, residuals 0.1, -0.3, 0.3, -0.1.
    const double e = std::exp(1);
    const PowerLaw scattered = power_law_of({1, e, e * e, e * e * e, -1, NAN}, {1, 1 / e, 1 / e, 1 / (e * e), 1, 1});
    REQUIRE(scattered.points == 4);
    REQUIRE(scattered.exponent == Approx(0.6));
    REQUIRE(scattered.deviation == Approx(std::sqrt(0.2 / 2)));
    REQUIRE(scattered.error == Approx(std::sqrt(0.2 / 2 / 5)));
    REQUIRE(text_of(scattered) == "0.600 +- 0.141");
    REQUIRE(text_of(power_law_of({1, 4}, {2, 1})) == "0.500");
    REQUIRE(text_of(power_law_of({2, 2}, {2, 1})) == "-");
    REQUIRE(text_of(power_law_of({}, {})) == "-");
}

TEST_CASE("a ResNet is counted by hand, and the width nearest in multiply-adds is found") {
    const auto by_hand = [](int64_t w) {  // 32 x 32 pixels: 1024, 256 and 64 places; norms count an element each
        const int64_t first = 1024 * (27 * w + w), same = 4 * (9 * w * w + w);
        const auto next = [](int64_t places, int64_t c) {  // halves the map; c channels come out
            return places * ((9 * c / 2 + 9 * c + 9 * c + 9 * c) * c + c / 2 * c + 5 * c);
        };
        return first + 1024 * same + next(256, 2 * w) + next(64, 4 * w) + 4 * w * 10;
    };
    for (const int64_t width : {1, 6, 16}) {
        SmallResNet model(width, 10);
        REQUIRE(cost_of(model, 32).multiply_adds == by_hand(width));
    }
    SmallResNet model(16, 10);
    REQUIRE(cost_of(model, 32).parameters ==
            432 + 32 + 4 * (2304 + 32) + (4608 + 3 * 9216 + 512 + 5 * 64) + (18432 + 3 * 36864 + 2048 + 5 * 128) + 650);
    REQUIRE(width_of_resnet(by_hand(9), 32, 10) == 9);
    REQUIRE(width_of_resnet(by_hand(9) + 1000, 32, 10) == 9);
    REQUIRE(width_of_resnet(by_hand(10) - 1000, 32, 10) == 10);
    REQUIRE(width_of_resnet(1, 32, 10) == 1);
}

TEST_CASE("scaling's findings compare exponents, and say where they cannot be told apart") {
    // Losses by a power law of each family, with a little that is off.
    const auto findings_of = [](double res_post, double pre, double cnn, double off) {
        ScalingResults results{2, 4, 1000, {}};
        for (const double exponent : {res_post, pre, cnn})
            for (const double size : {1.0, 2.0, 4.0, 8.0})
                for (const double sign : {-1.0, 1.0})
                    results.all.push_back({{"stopped", ""},
                                           {"size", static_cast<int64_t>(16 * size)},
                                           {"parameters", static_cast<int64_t>(1000 * size)},
                                           {"multiply_adds", static_cast<int64_t>(1e6 * size)},
                                           {"loss", 2 * std::pow(size, -exponent) * (1 + sign * off)},
                                           {"accuracy", 50}});
        return results;
    };
    ScalingResults given = findings_of(0.3, 0.2, 0.1, 0.01);
    given.all.back()["stopped"] = "it failed";
    const Findings findings = scaling_findings(given);
    REQUIRE(findings.tables[1].rows[0].at(2).starts_with("0.300 +- 0.00"));
    REQUIRE(contains(findings.seen[0], "twice the compute multiplies the loss by 0.812"));
    REQUIRE(contains(findings.seen[0], "It falls with size."));
    REQUIRE(contains(findings.seen[3], "res-post-norm gains more"));
    REQUIRE(contains(findings.seen[4], "V2 gains more from size"));
    REQUIRE(findings.seen.back() == "ResNet-14: training stopped, as it failed.");
    REQUIRE(findings.tables[0].rows.size() == 12);
    REQUIRE(findings.tables[0].rows[1] == std::vector<std::string>{"V2, res-post-norm", "32", "2,000", "2.00", "12",
                                                                   "1.625 +- 0.023", "50.0 +- 0.0"});
    REQUIRE(findings.figures[0].figure.series[2].x.at(3) == Approx(std::log10(8e6 * 6 * 1000)));
    const Findings other = scaling_findings(findings_of(0.1, 0.2, 0.3, 0.01));
    REQUIRE(contains(other.seen[3], "pre-norm gains more from size here"));
    REQUIRE(contains(other.seen[4], "the opposite of what the summary says"));
    const Findings none = scaling_findings(findings_of(0.01, 0.01, 0.01, 0.1));
    REQUIRE(contains(none.seen[0], "these trainings do not tell"));
    REQUIRE(contains(none.seen[3], "no difference that these trainings can show"));
    REQUIRE(contains(none.seen[4], "does not show here"));
    REQUIRE(contains(scaling_findings(findings_of(-0.1, -0.3, -0.3, 0.001)).seen[3], "no difference"));
}

// What the experiment stability counts as failing, and what it says of it. Its command: test_experiments.sh.

#include "tests/support/catch.h"
#include "train/experiments/stability.h"

#include <cmath>

using namespace swingrad;
using nlohmann::json;

namespace {

json trained(std::vector<double> losses) { return {{"losses", losses}, {"stopped", ""}}; }

}  // namespace

TEST_CASE("a training fails where its loss breaks off or ends no better than that of who knows nothing") {
    std::vector<double> losses(20, 5.0);
    losses[18] = 1, losses[19] = 2;
    const Outcome learns = outcome_of(trained(losses), 10);
    REQUIRE(!learns.failed);
    REQUIRE(learns.loss == Approx(1.5));
    REQUIRE(learns.text == "1.50");
    losses[19] = 3.7;
    const Outcome fails = outcome_of(trained(losses), 10);
    REQUIRE(fails.failed);
    REQUIRE(fails.text == "fails (2.35)");
    REQUIRE(!outcome_of(trained(losses), 100).failed);  // ln 100 is 4.6
    const Outcome broken = outcome_of({{"losses", {1, 1}}, {"stopped", "the loss of step 3 is nan"}}, 10);
    REQUIRE(broken.failed);
    REQUIRE(std::isnan(broken.loss));
    REQUIRE(broken.text == "breaks off at 3");
    REQUIRE(outcome_of({{"losses", {1, nullptr}}, {"stopped", ""}}, 10).failed);
    REQUIRE(outcome_of({{"losses", json::array()}, {"stopped", "the loss of step 1 is nan"}}, 10).text ==
            "breaks off at 1");
}

TEST_CASE("stability counts up to which learning rate all seeds learn, and says which norms stand more") {
    StabilityResults results{{{"pre", "pre", 0}, {"res-post", "res-post", 0}}, {4, 8}, {0.1, 0.2, 0.4}, 2, 10, {}};
    const json good = trained({3, 1}), bad = trained({3, 9}),
               broken{{"losses", {3}}, {"stopped", "the loss of step 2 is nan"}};
    results.all = {good, good, good, bad,  good, good,  // 4 blocks, pre: not all seeds at 0.2
                   good, good, good, good, good, good,  // res-post: to 0.4
                   bad,  bad,  good, good, good, good,  // 8 blocks, pre: at none from the lowest on
                   bad,  good, good, good, bad,  broken};
    const Findings findings = stability_findings(results);
    REQUIRE(findings.tables[0].rows[0] ==
            std::vector<std::string>{"4", "pre", "1.00 +- 0.00", "1 of 2 fail (1.00)", "1.00 +- 0.00"});
    REQUIRE(findings.tables[0].rows[3] ==
            std::vector<std::string>{"8", "res-post", "1 of 2 fail (1.00)", "1.00 +- 0.00", "2 of 2 fail"});
    REQUIRE(
        findings.seen[0] ==
        "4 blocks: pre learns up to 0.1, res-post learns up to 0.4. Res-post-norm stands a higher learning rate than "
        "pre-norm, as in the paper.");
    REQUIRE(findings.seen[1] ==
            "8 blocks: pre learns at none of the learning rates, res-post learns at none of the learning rates. "
            "Of the learning rates tried, both stand the same: the paper's effect does not show here.");
    REQUIRE(findings.figures.size() == 3);
    REQUIRE(findings.figures[0].figure.title == "4 blocks, learning rate 0.2");  // the lowest at which they part
    REQUIRE(findings.figures[1].figure.title == "8 blocks, learning rate 0.4");  // pre learns, res-post does not
    const Figure& highest = findings.figures[2].figure;
    REQUIRE(highest.x_names == std::vector<std::string>{"4", "8"});
    REQUIRE(highest.series[1].y[0] == 0.4);
    REQUIRE(std::isnan(highest.series[1].y[1]));
    for (json& one : results.all) one = bad;
    REQUIRE(stability_findings(results).figures.size() == 2);  // no rate to draw
}

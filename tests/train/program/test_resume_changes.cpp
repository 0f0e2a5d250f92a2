// What a resumed run may do otherwise than it began.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/program/console/resume_changes.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("a resumed run may have more epochs, another early stop and events, and nothing else") {
    const Recipe before{.epochs = 20};
    nlohmann::json given{{"epochs", 40}, {"early-stop", 3}, {"tensorboard", true}, {"lr", 1.0}};
    const ResumeChanges changes = take_changes(given, before, "runs/a");
    REQUIRE(given == nlohmann::json{{"lr", 1.0}});  // left to be refused
    REQUIRE(changes.any());
    Recipe recipe = before;
    std::vector<int64_t> epochs_before{10};
    changes.apply(recipe, epochs_before);
    REQUIRE(recipe.epochs == 40);
    REQUIRE(recipe.early_stop == 3);
    REQUIRE(recipe.tensorboard);
    REQUIRE(epochs_before == std::vector<int64_t>{10, 20});
}

TEST_CASE("what is given as it was is no change, fewer epochs are refused, and so is what is out of range") {
    const Recipe before{.epochs = 20, .early_stop = 3};
    nlohmann::json given{{"epochs", 20}, {"early-stop", 3}, {"tensorboard", false}};
    REQUIRE_FALSE(take_changes(given, before, "runs/a").any());
    REQUIRE(given.empty());
    REQUIRE_FALSE(take_changes(given, before, "runs/a").any());
    given = {{"epochs", 19}};
    REQUIRE(error_of([&] { take_changes(given, before, "runs/a"); }) ==
            "--epochs 19 contradicts the 20 of runs/a, which can only be raised");
    given = {{"early-stop", -1}};
    const ResumeChanges changes = take_changes(given, before, "runs/a");
    Recipe recipe = before;
    std::vector<int64_t> none;
    REQUIRE(contains(error_of([&] { changes.apply(recipe, none); }), "--early-stop must be 0 to 1000000, got -1"));
}

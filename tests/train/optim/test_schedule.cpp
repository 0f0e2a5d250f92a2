// Schedules against the rates of timm's and torch's.
#include "tests/support/catch.h"
#include "tests/support/training_fixture.h"
#include "train/loop/trainer.h"

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("cosine, step, one-cycle and constant rates are timm's or torch's at every step") {
    REQUIRE(training_fixture()["schedules"].size() == 4);
    for (const auto& one : training_fixture()["schedules"]) {
        const std::string name = one["kind"];
        Schedule schedule{one["peak"], one["warmup"], one["total"], one["minimum"], one["start"]};
        if (name == "step") schedule.kind = Schedule::Kind::step;
        if (name == "onecycle") schedule.kind = Schedule::Kind::onecycle;
        if (name == "constant") schedule.kind = Schedule::Kind::constant;
        schedule.decay_steps = one.value("decay_steps", 1.0);
        schedule.decay_rate = one.value("decay_rate", 1.0);
        for (size_t step = 0; step < one["rates"].size(); ++step) {
            INFO(name << ", step " << step);
            REQUIRE(schedule.at(static_cast<int64_t>(step)) == Approx(one["rates"][step].get<double>()).epsilon(1e-12));
        }
    }
}

TEST_CASE("schedules hold at their ends") {
    using Kind = Schedule::Kind;
    for (const Kind kind : {Kind::cosine, Kind::onecycle}) {
        const Schedule schedule{.peak = 1, .warmup_steps = 2, .total_steps = 10, .minimum = 0.25, .kind = kind};
        REQUIRE(schedule.at(1) == 1);
        REQUIRE(schedule.at(10) == 0.25);
        REQUIRE(schedule.at(1000) == 0.25);
    }
    REQUIRE(Schedule{.peak = 1, .warmup_steps = 0, .total_steps = 10, .kind = Kind::onecycle}.at(0) == 1);
    REQUIRE(Schedule{.peak = 1, .warmup_steps = 10, .total_steps = 10, .kind = Kind::onecycle}.at(9) == 1);
    REQUIRE(Schedule{.peak = 1, .warmup_steps = 1, .total_steps = 1, .kind = Kind::onecycle}.at(0) == 1);
    const Schedule step{.peak = 1,
                        .warmup_steps = 0,
                        .total_steps = 10,
                        .minimum = 0.25,
                        .kind = Kind::step,
                        .decay_steps = 2,
                        .decay_rate = 0.5};
    REQUIRE(step.at(1) == 1);
    REQUIRE(step.at(2) == 0.5);
    REQUIRE(step.at(9) == 0.25);
}

TEST_CASE("a recipe's epochs become steps: warm-up, cool-down and where the rate falls") {
    Recipe recipe;
    recipe.epochs = 10;
    recipe.lr = 0.8;
    recipe.warmup_epochs = 2;
    recipe.warmup_lr = 0.1;
    recipe.min_lr = 0.05;
    recipe.cooldown_epochs = 1.5;
    const Schedule cosine = schedule_of(recipe, 4);
    REQUIRE(cosine.total_steps == 34);
    REQUIRE(cosine.warmup_steps == 8);
    REQUIRE(cosine.at(0) == Approx(0.1 + 0.7 / 8));
    REQUIRE(cosine.at(33) > 0.05);
    REQUIRE(cosine.at(34) == 0.05);
    recipe.cooldown_epochs = 0;
    recipe.sched = "step";
    recipe.decay_epochs = 2.5;
    const Schedule step = schedule_of(recipe, 4);
    REQUIRE(step.at(9) == 0.8);
    REQUIRE(step.at(10) == Approx(0.08));
    REQUIRE(step.at(30) == 0.05);  // not 0.0008
    recipe.sched = "constant";
    REQUIRE(schedule_of(recipe, 4).at(39) == 0.8);
    recipe.sched = "onecycle";
    REQUIRE(schedule_of(recipe, 4).at(0) == Approx(0.1));
    REQUIRE(schedule_of(recipe, 4).at(39) == Approx(0.05));
}

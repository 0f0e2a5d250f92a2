// Steps whose loss or gradient is not finite: where training stops, and what leaving them out leaves as it was.

#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

using namespace swingrad;
using namespace swingrad::test;

namespace {

SwinRecipe skipping_recipe() {
    SwinRecipe recipe = small_recipe();
    recipe.on_nan = "skip";
    return recipe;
}

// A step that sees a NaN among the parameters, which is gone again afterwards.
void poisoned_step(Trainer& trainer) {
    float& one = trainer.parameters().values().data<float>()[0];
    const float before = one;
    one = std::numeric_limits<float>::quiet_NaN();
    trainer.step();
    REQUIRE(std::isnan(one));  // no update has touched it
    one = before;
}

// The text of all that a checkpoint holds.
std::string saved(Trainer& trainer, const TemporaryDirectory& directory) {
    trainer.save(directory / "saved.safetensors");
    return contents_of(directory / "saved.safetensors");
}

}  // namespace

TEST_CASE("a loss that is not finite stops training at its step, with the parameters as they were") {
    const Dataset data = coloured_noise(50);
    SwinTrainer trainer(small_recipe(), small_config(), data, plain);
    advance(trainer);
    trainer.parameters().values().data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
    const auto before = trainer.parameters().values().clone();
    const std::string message = error_of([&] { trainer.step(); });
    INFO(message);
    REQUIRE(message.find("[train] the loss of step 2 is nan; first at [") == 0);
    REQUIRE(message.find("] node 0 of patch_embed: output ") != std::string::npos);
    REQUIRE(message.find("holds nan at element 0, the first value that is not finite; a lower learning rate") !=
            std::string::npos);
    REQUIRE(std::memcmp(before.address(), trainer.parameters().values().address(), before.bytes()) == 0);
}

TEST_CASE("a step left out changes neither parameters nor moments, is named once and counted") {
    const Dataset data = coloured_noise(50);
    const TemporaryDirectory directory;
    for (const std::string opt : {"adamw", "sgd"}) {
        SwinRecipe recipe = skipping_recipe();
        recipe.opt = opt;
        SwinTrainer trainer(recipe, small_config(), data, plain);
        std::vector<std::string> said;
        trainer.on_skip = [&](const std::string& why) { said.push_back(why); };
        trainer.step();
        trainer.step();
        const RunState before = trainer.state();
        const auto values = trainer.parameters().values().values();
        trainer.save(directory / "before.safetensors");

        poisoned_step(trainer);
        REQUIRE(said.size() == 1);
        REQUIRE(said[0].find("the loss of step 3 is nan; first at [") == 0);
        REQUIRE(said[0].find("; left out") == said[0].size() - 10);
        REQUIRE(trainer.state().batch == 3);
        REQUIRE(trainer.state().skipped == 1);
        REQUIRE(trainer.state().loss_sum == before.loss_sum);
        REQUIRE(trainer.mean_loss() == before.loss_sum / 2);
        REQUIRE(trainer.accuracy() == Approx(100.0 * static_cast<double>(before.correct) / 16));
        REQUIRE(trainer.parameters().values().values() == values);

        // The optimiser is where it was: with the old position, the whole checkpoint has the old bytes.
        trainer.state() = before;
        REQUIRE(saved(trainer, directory) == contents_of(directory / "before.safetensors"));
    }
}

TEST_CASE("training goes on after a step left out, and a step that can be taken begins the count anew") {
    const Dataset data = coloured_noise(50);
    SwinTrainer trainer(skipping_recipe(), small_config(), data, plain);
    for (int i = 0; i < 2; ++i) {
        poisoned_step(trainer);
        trainer.step();
        REQUIRE(trainer.state().skipped_in_a_row == 0);
    }
    REQUIRE(trainer.state().skipped == 2);
    while (!trainer.epoch_done()) trainer.step();
    trainer.begin_next_epoch();
    REQUIRE(trainer.state().skipped == 0);
    REQUIRE(std::isfinite(trainer.step()));
}

TEST_CASE("ten steps in a row that cannot be taken stop training, also over a checkpoint and an epoch's end") {
    const Dataset data = coloured_noise(50);  // 6 batches an epoch
    const TemporaryDirectory directory;
    const auto first_weight = [](Trainer& trainer) -> float& { return trainer.parameters().values().data<float>()[0]; };
    SwinTrainer first(skipping_recipe(), small_config(), data, plain);
    int said = 0;
    first.on_skip = [&](const std::string&) { ++said; };
    first.step();
    const float sound = std::exchange(first_weight(first), NAN);
    for (int i = 0; i < 8; ++i) advance(first);
    first_weight(first) = sound;  // no checkpoint holds a NaN
    REQUIRE(said == 8);
    REQUIRE(first.state().skipped == 3);  // of the second epoch
    first.save(directory / "last.safetensors");

    SwinTrainer second(skipping_recipe(), small_config(), data, plain);
    second.load(directory / "last.safetensors");
    first_weight(second) = NAN;
    second.step();
    const std::string message = error_of([&] { second.step(); });
    INFO(message);
    REQUIRE(message.find("[train] 10 steps in a row could not be taken; the loss of step 11 is nan; first at [") == 0);
    REQUIRE(message.find("; a lower learning rate may help") != std::string::npos);
}

TEST_CASE("a gradient that overflows is named as such") {
    const Dataset data = coloured_noise(50);
    SwinRecipe recipe = small_recipe();
    recipe.batch_size = 1;
    recipe.label_smoothing = 0;
    SwinTrainer trainer(recipe, small_config(), data, plain);
    // The classifier sees zeros, so that the loss is log 3; its gradient goes back through the largest of weights.
    for (const auto& entry : trainer.parameters().entries())
        for (float& one : entry.value.span<float>()) {
            if (entry.name == "norm.weight" || entry.name == "norm.bias") one = 0;
            if (entry.name == "head.fc.weight") one = one > 0 ? 3.4e38f : -3.4e38f;
        }
    const std::string message = error_of([&] { trainer.step(); });
    INFO(message);
    REQUIRE(message.find("[train] the gradient of step 1 has norm ") == 0);
}

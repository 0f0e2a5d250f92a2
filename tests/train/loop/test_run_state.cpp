// The numbers of a checkpoint, each held against its range, against the others and against the run's settings.

#include "core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/toy_model.h"
#include "train/loop/trainer.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// A run of 3 epochs of 4 steps, in the middle of the second epoch.
struct SavedRun {
    const TemporaryDirectory directory;
    const std::filesystem::path path = directory / "c";
    ToyModel model;
    Recipe recipe{.epochs = 3};
    Parameters parameters{model, DType::float32, Random{1, 0}};
    std::unique_ptr<DeviceOptimiser> optimiser = make_optimiser(parameters, recipe);

    SavedRun() {
        const RunState state{
            .epoch = 1, .batch = 2, .loss_sum = 1.5, .skipped = 1, .best_accuracy = 50, .best_epoch = 1};
        optimiser->set_steps(5);
        save_run(path, recipe, {}, state, parameters, *optimiser);
    }
    RunState load() { return load_run(path, recipe, {}, 4, parameters, *optimiser); }

    // What is said of a checkpoint with another number in its state.
    std::string refused(const char* member, const nlohmann::json& value) {
        const SafetensorsFile file = read_safetensors(path);
        auto metadata = file.metadata;
        auto state = nlohmann::json::parse(metadata.at("swingrad"));
        if (value.is_discarded()) state.erase(member);
        else state[member] = value;
        metadata["swingrad"] = state.dump();
        const auto changed = directory / "changed";
        write_safetensors(changed, {file.tensors.begin(), file.tensors.end()}, metadata);
        const std::string message = error_of([&] { load_run(changed, recipe, {}, 4, parameters, *optimiser); });
        const std::string where = "[train] " + changed.string() + ": ";
        return message.starts_with(where) ? message.substr(where.size()) : message;
    }
};

}  // namespace

TEST_CASE("a run's state comes back as it was saved") {
    SavedRun saved;
    const RunState state = saved.load();
    REQUIRE(state.epoch == 1);
    REQUIRE(state.batch == 2);
    REQUIRE(state.loss_sum == 1.5);
    REQUIRE(state.best_accuracy == 50);
    REQUIRE(saved.refused("seconds", 2) == "no error");
    for (const char* member :
         {"skipped", "skipped_in_a_row", "best_loss", "batches_per_epoch", "steps_apart"})  // of version 0.1
        REQUIRE(saved.refused(member, nlohmann::json::value_t::discarded) == "no error");
}

TEST_CASE("each number of a run's state is held against its range, and named") {
    SavedRun saved;
    const auto said = [](const char* member, const std::string& what) {
        return fmt::format("\"{}\" of the saved state must be {}", member, what);
    };
    REQUIRE(saved.refused("epoch", 4) == said("epoch", "0 to 3, got 4"));
    REQUIRE(saved.refused("epoch", -1) == said("epoch", "0 to 3, got -1"));
    REQUIRE(saved.refused("epoch", 18446744073709551615u) == said("epoch", "a whole number, got 18446744073709551615"));
    REQUIRE(saved.refused("epoch", 3) == said("batch", "0 to 0, got 2"));
    REQUIRE(saved.refused("epoch", 1.5) == said("epoch", "a whole number, got 1.5"));
    REQUIRE(saved.refused("epoch", "1") == said("epoch", "a whole number, got \"1\""));
    REQUIRE(saved.refused("epoch", nlohmann::json::value_t::discarded) == "no \"epoch\" in the saved state");
    REQUIRE(saved.refused("batch", 5) == said("batch", "0 to 4, got 5"));
    REQUIRE(saved.refused("skipped", 3) == said("skipped", "0 to 2, got 3"));
    REQUIRE(saved.refused("skipped_in_a_row", 10) == said("skipped_in_a_row", "0 to 9, got 10"));
    REQUIRE(saved.refused("best_epoch", 2) == said("best_epoch", "0 to 1, got 2"));
    REQUIRE(saved.refused("best_accuracy", 100.5) == said("best_accuracy", "-1 to 100, got 100.5"));
    REQUIRE(saved.refused("correct", -1) == said("correct", "0 or more, got -1"));
    REQUIRE(saved.refused("loss_sum", nullptr) == said("loss_sum", "a number, got null"));  // JSON's NaN
    REQUIRE(saved.refused("best_loss", nullptr) == said("best_loss", "a number, got null"));
    for (const char* member : {"gradient_norm_sum", "epoch_seconds", "seconds"})
        REQUIRE(saved.refused(member, -0.5) == said(member, "0 or more, got -0.5"));
    REQUIRE(contains(saved.refused("batches_per_epoch", -1), "0 to 1099511627776, got -1"));
    REQUIRE(contains(saved.refused("steps_apart", INT64_MIN), "got -9223372036854775808"));
    REQUIRE(contains(saved.refused("steps_apart", -2), "its optimiser has taken 5 steps, its run 4"));
    REQUIRE(saved.refused("epoch", 0) == said("best_epoch", "0 to 0, got 1"));
    saved.optimiser->set_steps(7);
    save_run(saved.path, saved.recipe, {}, {.epoch = 1, .batch = 2}, saved.parameters, *saved.optimiser);
    REQUIRE(contains(error_of([&] { saved.load(); }), "its optimiser has taken 7 steps, its run 6"));
}

TEST_CASE("a state that is refused has changed neither parameters nor optimiser") {
    SavedRun saved;
    const Tensor& values = saved.parameters.values();
    values.data<float>()[0] = 77;
    saved.optimiser->set_steps(3);
    REQUIRE(saved.refused("batch", 5) != "no error");
    saved.recipe.lr = 0.5;
    REQUIRE_THROWS_AS(saved.load(), UsageError);
    REQUIRE(values.values()[0] == 77);
    REQUIRE(saved.optimiser->steps() == 3);
}

TEST_CASE("where samples are fewer or more, the epoch begins anew and no step is lost count of") {
    SavedRun saved;
    RunState state = saved.load();
    state.batches_per_epoch = 4;
    int64_t steps = 6;  // 4 of the first epoch, 2 of the second
    for (const int64_t batches : {3, 9, 1}) {
        saved.optimiser->set_steps(steps);
        save_run(saved.path, saved.recipe, {}, state, saved.parameters, *saved.optimiser);
        state = load_run(saved.path, saved.recipe, {}, batches, saved.parameters, *saved.optimiser);
        REQUIRE(state.epoch == 1);
        REQUIRE(state.batch == 0);
        REQUIRE(state.loss_sum == 0);
        REQUIRE(state.best_epoch == 1);
        REQUIRE(state.batches_per_epoch == batches);
        state.batch = 1;
        steps += 1;
    }
    saved.optimiser->set_steps(steps + 1);
    save_run(saved.path, saved.recipe, {}, state, saved.parameters, *saved.optimiser);
    REQUIRE(contains(error_of([&] { load_run(saved.path, saved.recipe, {}, 1, saved.parameters, *saved.optimiser); }),
                     fmt::format("its optimiser has taken {} steps, its run {}", steps + 1, steps)));
}

TEST_CASE("an epoch that begins anew is not the best any more") {
    SavedRun saved;
    const RunState all_batches{.epoch = 1, .batch = 4, .best_accuracy = 50, .best_epoch = 2, .batches_per_epoch = 4};
    save_run(saved.path, saved.recipe, {}, all_batches, saved.parameters, *saved.optimiser);
    REQUIRE(saved.load().best_epoch == 2);
    const RunState anew = load_run(saved.path, saved.recipe, {}, 3, saved.parameters, *saved.optimiser);
    REQUIRE(anew.best_epoch == 0);
    REQUIRE(anew.best_accuracy == -1);
}

TEST_CASE("a checkpoint is refused where the settings are not those it was made with") {
    SavedRun saved;
    saved.recipe.device = "reference";
    saved.recipe.checkpoint_every = 7;
    REQUIRE(error_of([&] { saved.load(); }) == "no error");
    saved.recipe.precision = "bf16";
    REQUIRE(error_of([&] { saved.load(); }) ==
            "[train] " + saved.path.string() +
                ": made with precision \"f32\", but the run's settings say \"bf16\"; a resumed run keeps its settings");
    saved.recipe.precision = "f32";
    saved.recipe.lr = 0.5;
    REQUIRE_THROWS_AS(saved.load(), UsageError);
    REQUIRE(saved.refused("recipe", nlohmann::json::value_t::discarded) == "no error");  // of version 0.1
}

TEST_CASE("epochs may be raised where the settings say from what, and only so") {
    SavedRun saved;
    saved.recipe.epochs = 5;
    const auto loaded = [&](const nlohmann::json& fixed) {
        return error_of([&] { load_run(saved.path, saved.recipe, fixed, 4, saved.parameters, *saved.optimiser); });
    };
    REQUIRE(contains(loaded({}), "made with epochs 3, but the run's settings say 5"));
    REQUIRE(contains(loaded({{epochs_before_setting, {4}}}), "made with epochs 3"));
    REQUIRE(loaded({{epochs_before_setting, {2, 3}}}) == "no error");
    saved.recipe.lr = 0.5;
    REQUIRE(contains(loaded({{epochs_before_setting, {3}}}), "made with lr"));
}

TEST_CASE("what decides a run's results beside its recipe cannot change, where the checkpoint knows it") {
    SavedRun saved;
    const RunState state{.epoch = 1, .batch = 2};
    save_run(saved.path, saved.recipe, {{"flip", 0.5}}, state, saved.parameters, *saved.optimiser);
    const auto loaded = [&](const nlohmann::json& fixed) {
        return error_of([&] { load_run(saved.path, saved.recipe, fixed, 4, saved.parameters, *saved.optimiser); });
    };
    REQUIRE(loaded({{"flip", 0.5}, {"new", 1}}) == "no error");
    REQUIRE(loaded({{"flip", 0}}) == "[train] " + saved.path.string() +
                                         ": made with flip 0.5, but the run's settings say 0; a resumed run keeps "
                                         "its settings");
}

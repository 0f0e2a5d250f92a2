// A run's checkpoint: written, and read with each number held against its range, the others and the recipe. And what a
// recipe says of a run's steps: their optimiser, their rates, their number.

#include "train/loop/trainer.h"

#include "core/io/json_file.h"
#include "train/loop/checkpoint.h"
#include "train/optim/average.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace swingrad {
namespace {

const std::string recipe_key = "recipe";

// The members by name, for writing and for reading.
template <class State, class Visit>
void for_each_member(State& state, Visit&& visit) {
    visit("epoch", state.epoch);
    visit("batch", state.batch);
    visit("loss_sum", state.loss_sum);
    visit("gradient_norm_sum", state.gradient_norm_sum);
    visit("correct", state.correct);
    visit("epoch_seconds", state.epoch_seconds);
    visit("seconds", state.seconds);
    visit("best_accuracy", state.best_accuracy);
    visit("best_loss", state.best_loss);
    visit("best_epoch", state.best_epoch);
    visit("skipped", state.skipped);
    visit("skipped_in_a_row", state.skipped_in_a_row);
    visit("batches_per_epoch", state.batches_per_epoch);
    visit("steps_apart", state.steps_apart);
}

// Checkpoints of version 0.1 know no steps left out, as it stopped at once, no best loss and no change of samples.
bool may_be_absent(std::string_view name) {
    return name.starts_with("skipped") || name == "best_loss" || name == "batches_per_epoch" || name == "steps_apart";
}

int64_t steps_of(const RunState& state) {
    return state.epoch * state.batches_per_epoch + state.batch + state.steps_apart;
}

bool holds(const nlohmann::json& value, int64_t) { return is_int64(value); }
bool holds(const nlohmann::json& value, double) { return value.is_number(); }

// Beyond any run, and small enough to be reckoned with.
constexpr int64_t most_batches = int64_t{1} << 40, most_steps = int64_t{1} << 61;

// Each number by itself, and against those it depends on. What is not finite is no number in JSON, or too large for it.
void check_ranges(const RunState& s, const nlohmann::json& saved, int64_t epochs, const std::string& name) {
    const auto require = [&](bool fits, const char* member, const std::string& range) {
        check(fits, "{}: \"{}\" of the saved state must be {}, got {}", name, member, range,
              saved.value(member, nlohmann::json()).dump());
    };
    const auto within = [&](const char* member, int64_t value, int64_t most) {
        require(value >= 0 && value <= most, member, fmt::format("0 to {}", most));
    };
    within("epoch", s.epoch, epochs);
    within("batches_per_epoch", s.batches_per_epoch, most_batches);
    within("batch", s.batch, s.epoch == epochs ? 0 : s.batches_per_epoch);
    require(s.steps_apart >= -most_steps && s.steps_apart <= most_steps, "steps_apart",
            fmt::format("-{0} to {0}", most_steps));
    within("skipped", s.skipped, s.batch);
    within("skipped_in_a_row", s.skipped_in_a_row, most_skipped_in_a_row - 1);
    // An epoch may be the best before it is counted as done.
    within("best_epoch", s.best_epoch, s.epoch + (s.batch == s.batches_per_epoch ? 1 : 0));
    require(s.correct >= 0, "correct", "0 or more");
    require(std::isfinite(s.loss_sum), "loss_sum", "finite");
    require(std::isfinite(s.best_loss), "best_loss", "finite");
    require(s.best_accuracy >= -1 && s.best_accuracy <= 100, "best_accuracy", "-1 to 100");
    require(std::isfinite(s.gradient_norm_sum) && s.gradient_norm_sum >= 0, "gradient_norm_sum", "0 or more");
    require(std::isfinite(s.epoch_seconds) && s.epoch_seconds >= 0, "epoch_seconds", "0 or more");
    require(std::isfinite(s.seconds) && s.seconds >= 0, "seconds", "0 or more");
}

// Where it does not say how many batches an epoch has, they are `batches`.
RunState state_in(const nlohmann::json& saved, int64_t epochs, int64_t batches, const std::string& name) {
    check(saved.is_object(), "{}: the saved state must be an object, got {}", name, saved.type_name());
    RunState state;
    for_each_member(state, [&](const char* member, auto& value) {
        if (may_be_absent(member) && !saved.contains(member)) return;
        check(saved.contains(member), "{}: no \"{}\" in the saved state", name, member);
        check(holds(saved[member], value), "{}: \"{}\" of the saved state must be a {}number, got {}", name, member,
              std::is_integral_v<std::decay_t<decltype(value)>> ? "whole " : "", saved[member].dump());
        saved[member].get_to(value);
    });
    if (state.batches_per_epoch == 0) state.batches_per_epoch = batches;
    check_ranges(state, saved, epochs, name);
    return state;
}

// The samples are others: another number of batches makes an epoch from here on, and the epoch begins anew.
void change_batches(RunState& state, int64_t batches) {
    const int64_t done = steps_of(state);
    state.begin_epoch();
    state.batches_per_epoch = batches;
    state.steps_apart += done - steps_of(state);
    if (state.best_epoch > state.epoch) state.forget_best();  // it was when first trained, and will be another one
}

// Version 0.1 did not save the recipe.
void refuse_other_recipe(const nlohmann::json& saved, const nlohmann::json& settings, const std::string& name) {
    const nlohmann::json then = saved.value(recipe_key, nlohmann::json::object());
    check(then.is_object(), "{}: \"{}\" of the saved state must be an object, got {}", name, recipe_key,
          then.type_name());
    if (settings.contains(identity_setting))
        check(then.value(identity_setting, nlohmann::json()) == settings[identity_setting],
              "{}: of another run: it is marked {}, this run's are {}", name,
              json_text(then.value(identity_setting, nlohmann::json())), json_text(settings[identity_setting]));
    const nlohmann::json before = settings.value(epochs_before_setting, nlohmann::json::array());
    const auto is_raised = [&](const std::string& setting) {
        return setting == "epochs" && std::find(before.begin(), before.end(), then[setting]) != before.end();
    };
    for (const auto& [setting, value] : settings.items())
        if (!may_change(setting) && then.contains(setting) && then[setting] != value && !is_raised(setting))
            fail_usage("{}: made with {} {}, but the run's settings say {}; a resumed run keeps its settings", name,
                       setting, then[setting].dump(), value.dump());
}

std::unique_ptr<DeviceOptimiser> make_plain_optimiser(const Parameters& parameters, const Recipe& recipe,
                                                      const OfEntries& entries) {
    if (recipe.opt == "sgd")
        return make_sgd(parameters, {.momentum = recipe.momentum, .weight_decay = recipe.weight_decay}, entries);
    if (recipe.opt == "muon") {
        const std::vector<bool> matrices = hidden_matrices(parameters);
        if (std::find(matrices.begin(), matrices.end(), true) == matrices.end())
            fail_usage("--opt muon is for weight matrices of hidden layers, and this model has none");
        return make_muon(parameters, {.momentum = recipe.momentum, .weight_decay = recipe.weight_decay}, entries);
    }
    return make_adamw(parameters, {.weight_decay = recipe.weight_decay}, entries);
}

nlohmann::json settings_of(const Recipe& recipe, const nlohmann::json& fixed) {
    nlohmann::json all = to_json(recipe);
    if (!fixed.is_null()) all.update(fixed);
    return all;
}

}  // namespace

bool may_change(std::string_view setting) {
    // Of init, what counts is what was there: its fingerprint.
    return setting == "device" || setting == "checkpoint-every" || setting == "keep-every" || setting == "on-nan" ||
           setting == "early-stop" || setting == "tta" || setting == "tensorboard" || setting == "init" ||
           setting == "zero" || setting == epochs_before_setting;
}

void RunState::begin_epoch() {
    batch = correct = skipped = 0;
    loss_sum = gradient_norm_sum = epoch_seconds = 0;
}

void RunState::forget_best() {
    const RunState none;
    best_epoch = none.best_epoch;
    best_accuracy = none.best_accuracy;
    best_loss = none.best_loss;
}

std::unique_ptr<DeviceOptimiser> make_optimiser(const Parameters& parameters, const Recipe& recipe,
                                                const Shards* shards) {
    auto optimiser = make_plain_optimiser(parameters, recipe, own_entries(shards));
    if (!recipe.model_ema) return optimiser;
    return make_averaging(std::move(optimiser), parameters, {recipe.model_ema_decay, recipe.model_ema_warmup}, shards);
}

Schedule schedule_of(const Recipe& recipe, int64_t steps_per_epoch) {
    const auto steps = [&](double epochs) { return std::llround(epochs * static_cast<double>(steps_per_epoch)); };
    const int64_t total = recipe.epochs * steps_per_epoch - steps(recipe.cooldown_epochs);
    return {.peak = recipe.lr,
            .warmup_steps = std::min<int64_t>(steps(recipe.warmup_epochs), total),
            .total_steps = total,
            .minimum = recipe.min_lr,
            .start = recipe.warmup_lr,
            .kind = schedule_named(recipe.sched),
            .decay_steps = recipe.decay_epochs * static_cast<double>(steps_per_epoch),
            .decay_rate = recipe.decay_rate};
}

int64_t steps_of_epoch(const Recipe& recipe, int64_t samples) {
    return (samples / recipe.batch_size + recipe.grad_accum_steps - 1) / recipe.grad_accum_steps;
}

void save_run(const std::filesystem::path& path, const Recipe& recipe, const nlohmann::json& fixed,
              const RunState& state, const Parameters& parameters, const Optimiser& optimiser, const Shards* shards) {
    // Not null: where the library finds no memory for the object that null becomes, it crashes.
    nlohmann::json json = nlohmann::json::object();
    for_each_member(state, [&](const char* member, const auto& value) { json[member] = value; });
    json[recipe_key] = settings_of(recipe, fixed);
    save_checkpoint(path, parameters, optimiser, json, shards);
}

RunState load_run(const std::filesystem::path& path, const Recipe& recipe, const nlohmann::json& fixed,
                  int64_t batches_per_epoch, const Parameters& parameters, Optimiser& optimiser) {
    const std::string name = "[train] " + path.string();
    RunState state;
    load_checkpoint(path, parameters, &optimiser, [&](const nlohmann::json& saved, int64_t steps) {
        refuse_other_recipe(saved, settings_of(recipe, fixed), name);
        state = state_in(saved, recipe.epochs, batches_per_epoch, name);
        const int64_t done = steps_of(state);
        check(steps <= done, "{}: its optimiser has taken {} steps, its run {}", name, steps, done);
    });
    if (state.batches_per_epoch != batches_per_epoch) change_batches(state, batches_per_epoch);
    return state;
}

}  // namespace swingrad

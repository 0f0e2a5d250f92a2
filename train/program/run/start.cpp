#include "train/program/run/start.h"

#include "core/gemm/engine.h"
#include "core/instruction_set/instruction_set.h"
#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "core/io/stored_tensors.h"
#include "train/loop/checkpoint.h"
#include "train/program/console/text.h"
#include "train/program/report/log_table.h"
#include "train/program/run/belonging.h"
#include "train/program/run/environment.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_loop.h"
#include "train/program/run/way_back.h"
#include "train/ranks/alike.h"
#include "train/transfer/carry_over.h"
#include "train/transfer/initial_weights.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;

namespace {

// A start that was killed before it had a config.json leaves a lock, and half of that file.
bool is_left_of_a_start(const fs::directory_entry& entry) {
    return entry.path().filename() == ".lock" || is_temporary(entry.path());
}

void require_nothing_begun(const RunFolder& folder) {
    const bool unused = !fs::exists(folder.path) ||
                        (fs::is_directory(folder.path) && std::all_of(fs::directory_iterator(folder.path),
                                                                      fs::directory_iterator{}, is_left_of_a_start));
    check(unused, "{0} exists already: go on with it by --resume {0}, or choose another --output",
          path_word(folder.path));
}

// What all ranks must have in common to end with the same bits.
void require_alike_with_others(const RunSubject& subject, const RunLoop& loop) {
    if (world().size() == 1) return;
    std::vector<Fact> facts{
        {"version", SWINGRAD_VERSION}, {"instruction set", instruction_set()}, {"--gemm", name_of(gemm_engine())}};
    for (const auto& [name, value] : subject.settings.items())
        if (!may_change(name)) facts.push_back({"--" + name, value.dump()});
    facts.push_back({"--zero", std::to_string(subject.recipe.zero)});
    facts.push_back({"architecture", subject.architecture.dump()});
    facts.push_back({"set of " + subject.samples_are, fingerprint_of(subject.training, subject.validation)});
    facts.push_back({"fingerprint of the weights to begin from", loop.fingerprint_of_weights()});
    require_alike(world(), facts);
}

// To the end of the run. A phase is a loop of its own, which takes over from the one before.
int go_through_phases(RunLoop& first, const RunLock& lock, const RunSubject& subject) {
    RunLoop* loop = &first;
    const RunSubject* of = &subject;
    std::shared_ptr<const RunSubject> kept;  // outlives the loop that refers to it
    std::unique_ptr<RunLoop> owned;
    for (;;) {
        const int code = loop->go();
        if (!loop->phase_over()) return code;
        const std::shared_ptr<const RunSubject> now = of->phase->next();
        auto next = std::make_unique<RunLoop>(lock.folder(), *now);
        next->hold(lock);
        next->carry_on(*loop);
        owned = std::move(next);
        kept = now;
        loop = owned.get();
        of = kept.get();
    }
}

}  // namespace

void require_unused(const RunFolder& folder) {
    if (world().rank() != 0) return;  // the first may have made it by now
    refuse_if_locked(folder);
    require_nothing_begun(folder);
}

int start(const RunFolder& folder, const RunSubject& subject, const nlohmann::json& config,
          const std::string& samples) {
    if (const std::string* text = not_utf8_in(config))
        fail("[run] {} is not UTF-8, as {} must be: rename it", in_quotes(*text), folder.config().filename().string());
    RunLoop loop(folder, subject);
    loop.take_initial_weights();
    require_alike_with_others(subject, loop);
    const bool leads = world().rank() == 0;
    const bool made = leads && make_folders(folder.path);
    std::optional<RunLock> lock;
    try {
        lock.emplace(folder);
        if (leads) {
            require_nothing_begun(folder);  // another process may have been here while the samples were read
            remove_temporaries(folder);
            write_file_atomically(folder.config(), config.dump(2) + "\n");
            append_environment(folder, subject.recipe);
        }
    } catch (...) {
        std::error_code error;
        // A folder with nothing but the lock is as good as none.
        if (made && lock && !fs::exists(folder.config())) fs::remove(folder.lock(), error);
        if (made) fs::remove(folder.path, error);
        throw;
    }
    loop.hold(*lock);
    loop.announce(samples);
    for (const std::string& note : subject.notes) loop.warn(note);
    return go_through_phases(loop, *lock, subject);
}

int go_on(const RunLock& lock, const RunSubject& subject, const nlohmann::json& config, const std::string& samples) {
    const RunFolder& folder = lock.folder();
    RunLoop loop(folder, subject);
    loop.hold(lock);
    lock.require_there();  // samples may have been read for long
    const bool leads = world().rank() == 0;
    const std::string other_bits = change_of_instruction_set(folder);
    if (leads) {
        remove_temporaries(folder);
        append_environment(folder, subject.recipe);
    }
    loop.announce(samples);
    if (!other_bits.empty() && subject.recipe.device == "cpu") loop.warn(other_bits);
    loop.load();
    require_alike_with_others(subject, loop);  // and all have read what changes from here on
    if (leads && !config.is_null()) write_file_atomically(folder.config(), config.dump(2) + "\n");
    loop.drop_old_result();
    return go_through_phases(loop, lock, subject);
}

// ---- what a run begins from

void RunLoop::take_initial_weights() {
    if (recipe_.init.empty()) return;
    const fs::path weights = weights_in_folder_or_file(recipe_.init);
    const nlohmann::json& fixed = subject_.fixed_settings;
    const std::string known = fixed.is_object() ? fixed.value(init_fingerprint_setting, "") : "";
    check(known == fingerprint_of_files(open_tensors(weights).files),
          "[run] --init {}: not the weights that the run was to begin from: they have changed since", recipe_.init);
    notes_ = swingrad::take_initial_weights(weights, trainer_.parameters()).notes;
}

// ---- to where a run left off

void RunLoop::load() {
    const RunState& state = trainer_.state();
    if (std::filesystem::exists(folder_.last())) {
        load_last();
        saved_ = fmt::format("epoch {}, batch {}", state.epoch, state.batch);
    } else if (has_begun(folder_)) {
        fail("[run] {} is missing, and the run is not at its start; {}", folder_.last().string(), way_back_of_run());
    } else {
        take_initial_weights();
        for (const std::string& line : notes_) progress_.line(line);
    }
    look_at_best();
    lock_->require_there();  // what comes before may take its time
    if (leads()) cut_log(folder_, state.epoch);
    for (const std::string& problem : problems_of(read_log(folder_.log()), state.epoch, folder_.log()))
        progress_.warning(problem);
    if (std::filesystem::exists(folder_.last())) say_what_is_dropped();
    progress_.line(
        fmt::format("resuming {} after epoch {}, batch {}", folder_.path.string(), state.epoch, state.batch));
    say_what_is_raised();
}

// An epoch begins anew where its samples are no longer the same.
void RunLoop::say_what_is_dropped() {
    const int64_t saved = checkpoint_state(folder_.last())["batch"], kept = trainer_.state().batch;
    if (saved != kept)
        progress_.warning(fmt::format("epoch {} begins anew: its {} batches so far were of other {}",
                                      trainer_.state().epoch + 1, saved, subject_.samples_are));
}

// Looked at alone.
RunState RunLoop::load_of_any_phase(const fs::path& path) {
    const auto [epoch, batch] = place_of_file(path);
    const std::unique_ptr<Module> model = subject_.phase->model_at(epoch, batch);
    const Parameters parameters(*model, dtype_of_precision(recipe_.precision), Random{});
    const auto optimiser = make_optimiser(parameters, recipe_);
    const RunState state =
        load_run(path, recipe_, subject_.fixed_settings, trainer_.batches_per_epoch(), parameters, *optimiser);
    require_of_run(path, identity());
    return state;
}

std::string RunLoop::way_back_of_run() {
    const auto load = [&](const std::filesystem::path& path) {
        if (subject_.phase) return load_of_any_phase(path);
        trainer_.load(path);
        require_of_run(path, identity());
        return trainer_.state();
    };
    return way_back(folder_, load, subject_.program);
}

void RunLoop::load_last() {
    try {
        trainer_.load(folder_.last());
        require_of_run(folder_.last(), identity());
    } catch (const UsageError&) {  // it is whole, and the settings are not those it was made with
        throw;
    } catch (const Error& error) {
        fail("{}; {}", error.what(), way_back_of_run());
    }
    if (!has_checksum(folder_.last())) progress_.warning(no_checksum_text(folder_.last()));
}

// Now, and not when the last epoch is done and they are tested.
void RunLoop::look_at_best() {
    RunState& state = trainer_.state();
    if (state.best_epoch == 0) return;
    if (!std::filesystem::exists(folder_.best())) {
        progress_.warning(
            fmt::format("{} is missing, the weights of epoch {}: of the epochs from here on the best counts",
                        folder_.best().string(), state.best_epoch));
        state.forget_best();
        return;
    }
    try {
        check_checksum(folder_.best());
        require_best_of(folder_, identity(), state.best_epoch, state.epoch);
    } catch (const FileError&) {
        throw;
    } catch (const Error& error) {
        fail("{}; {}", error.what(), way_back_of_best(folder_, state.best_epoch, subject_.program));
    }
}

// ---- phases

void RunLoop::carry_on(const RunLoop& phase_before) {
    carry_over(phase_before.trainer_, trainer_);
    saved_ = phase_before.saved_;
    progress_.line(subject_.phase->text);
}

// Its weights have gone over, and no step has been taken.
bool RunLoop::begins_phase() const {
    const RunState& state = trainer_.state();
    return subject_.phase && subject_.phase->begin > 0 && state.epoch == subject_.phase->begin && state.batch == 0;
}

int64_t RunLoop::epochs_to_go() const {
    const int64_t done = trainer_.state().epoch + 1;
    return subject_.phase ? std::llround(subject_.phase->epochs_to_go(done)) : recipe_.epochs - done;
}

// ---- a run whose epochs are raised

void RunLoop::say_what_is_raised() {
    if (subject_.raised_from == 0) return;
    Recipe before = recipe_;
    before.epochs = subject_.raised_from;
    const int64_t step = trainer_.steps_done();
    progress_.line(fmt::format(
        "epochs raised from {} to {}: from step {} on the rate is that of a run of {} epochs, {:.3g}, not {:.3g}",
        subject_.raised_from, recipe_.epochs, step + 1, recipe_.epochs, trainer_.learning_rate_of(step),
        schedule_of(before, trainer_.batches_per_epoch()).at(step)));
}

void RunLoop::drop_old_result() {
    if (over() || !leads()) return;
    lock_->require_there();
    std::error_code error;  // one that stays is written over at the end
    fs::remove(folder_.weights(), error);
}

}  // namespace swingrad

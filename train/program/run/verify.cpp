#include "train/program/run/verify.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/program/console/error_text.h"
#include "train/program/console/output.h"
#include "train/program/report/log_table.h"
#include "train/program/run/belonging.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/way_back.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

bool all_finite(const Tensor& tensor) { return first_not_finite(tensor) == tensor.numel(); }

int64_t batches_an_epoch(const VerifiedRun& run, const RunFolder& folder) {
    check(run.training_samples >= run.recipe.batch_size, "[run] {}: {} samples to train on are less than a batch of {}",
          folder.config().string(), run.training_samples, run.recipe.batch_size);
    return steps_of_epoch(run.recipe, run.training_samples);
}

// The run, and what its files are read into.
struct Reading {
    VerifiedRun run;
    int64_t batches;
    std::unique_ptr<Parameters> parameters;
    std::unique_ptr<Optimiser> optimiser;
    std::string identity;

    Reading(VerifiedRun read, const RunFolder& folder)
        : run(std::move(read)),
          batches(batches_an_epoch(run, folder)),
          identity(run.fixed_settings.value(identity_setting, "")) {
        make_room();
    }

    void make_room() {
        optimiser.reset();
        parameters = std::make_unique<Parameters>(*run.model, dtype_of_precision(run.recipe.precision), Random{});
        optimiser = make_optimiser(*parameters, run.recipe);
    }
    // For weights of the phase that the file is of.
    void fit(const fs::path& file) {
        if (!run.model_at) return;
        const auto [epoch, batch] = place_of_file(file);
        run.model = run.model_at(epoch, batch);
        make_room();
    }
};

class Verification {
  public:
    Verification(const RunFolder& folder, const std::string& program) : folder_(folder), program_(program) {}

    void go(const std::function<VerifiedRun()>& read_run) {
        look_at(folder_.config(), "put back a copy: without it the run cannot go on", [&] {
            reading_.emplace(read_run(), folder_);
            return fmt::format("{} epochs of {} steps", reading_->run.recipe.epochs, reading_->batches);
        });
        links();
        environment();
        last();
        previous();
        log();
        for (const fs::path& path : weights_in(folder_)) weights(path);
        what_must_be_there();
    }

    void conclude() const {
        if (wrong_ == 0) return;
        fail("{}{}; {}", first_, wrong_ == 1 ? "" : fmt::format(" (and {} more)", wrong_ - 1), remedy_);
    }

  private:
    static void good(const fs::path& file, const std::string& text) {
        print_line(on_one_line(fmt::format("{:<24} {}", file.filename().string(), text)));
    }
    void bad(const fs::path& file, const std::string& text, const std::string& remedy) {
        good(file, "WRONG: " + text + "; " + remedy);
        if (wrong_++ == 0) first_ = text, remedy_ = remedy;
    }
    // `look` returns what there is to say, or throws. Whether all is well.
    bool look_at(const fs::path& file, const std::string& remedy, const std::function<std::string()>& look) {
        try {
            good(file, look());
            return true;
        } catch (const std::bad_alloc&) {
            throw;  // that says nothing of the file
        } catch (const std::exception& error) {
            bad(file, text_of(error), remedy);
            return false;
        }
    }

    RunState load(const fs::path& path) {
        require_file(path);
        reading_->fit(path);
        const VerifiedRun& run = reading_->run;
        const RunState state = load_run(path, run.recipe, run.fixed_settings, reading_->batches, *reading_->parameters,
                                        *reading_->optimiser);
        require_of_run(path, reading_->identity);
        return state;
    }
    // A folder of that name would be read as a model in several files.
    static void require_file(const fs::path& path) { InputFile{path}; }
    // All that can be said without config.json.
    static std::string whole_by_itself(const fs::path& path) {
        require_file(path);
        for (const auto& [name, tensor] : read_safetensors(path).tensors)
            check(all_finite(tensor), "[safetensors] {}: {} holds a value that is not finite", path.string(),
                  in_quotes(name));
        return "whole by itself" + text_of_checksum(path);
    }
    static std::string text_of_checksum(const fs::path& path) {
        return has_checksum(path) ? "" : "; no checksum, as version 0.2 writes it";
    }
    static std::string place_of(const RunState& state, const fs::path& path) {
        return fmt::format("epoch {}, batch {}{}", state.epoch, state.batch, text_of_checksum(path));
    }
    std::string to_resume() const { return command_to_resume(folder_, program_); }

    void links() {
        look_at(folder_.path, "no run goes on in such a folder", [&] {
            refuse_links(folder_);
            return std::string("no symbolic link");
        });
    }

    void environment() {
        if (!fs::exists(folder_.environment())) return;
        look_at(folder_.environment(), "harmless: begun anew by  " + to_resume(), [&] {
            const nlohmann::json entries = read_json_file(folder_.environment());
            check(entries.is_array(), "[json] {} is no array", folder_.environment().string());
            return fmt::format("{} starts", entries.size());
        });
    }

    void last() {
        if (!fs::exists(folder_.last())) {
            if (has_begun(folder_)) bad(folder_.last(), folder_.last().string() + " is missing", back());
            else good(folder_.last(), "none yet");
            return;
        }
        try {
            if (reading_) state_ = load(folder_.last());
            good(folder_.last(), state_ ? place_of(*state_, folder_.last()) : whole_by_itself(folder_.last()));
        } catch (const UsageError& error) {
            bad(folder_.last(), error.what(), "put back what config.json said");
        } catch (const Error& error) {
            state_.reset();
            bad(folder_.last(), error.what(), back());
        }
    }
    std::string back() {
        if (!reading_) return "put back config.json first";
        try {
            return way_back(
                folder_, [&](const fs::path& path) { return load(path); }, program_);
        } catch (const Error& error) {
            return fmt::format("no way back is known: {}", error.what());
        }
    }

    void previous() {
        if (!fs::exists(folder_.previous())) return;
        look_at(folder_.previous(), "harmless: the next checkpoint takes its place", [&] {
            if (!reading_) return whole_by_itself(folder_.previous());
            const RunState state = load(folder_.previous());
            const auto steps = [&](const RunState& of) { return of.epoch * reading_->batches + of.batch; };
            check(!state_ || steps(state) <= steps(*state_), "[run] {}: at epoch {}, batch {}, it is ahead of the last",
                  folder_.previous().string(), state.epoch, state.batch);
            return place_of(state, folder_.previous());
        });
    }

    void log() {
        const std::string remedy = "mend it by hand, or leave it: training does not depend on it";
        LogTable log;
        const auto read = [&] {
            log = read_log(folder_.log());
            return fmt::format("{} epochs{}", log.epochs.size(), log.test.is_null() ? "" : ", and the test");
        };
        if (fs::exists(folder_.log()) && !look_at(folder_.log(), remedy, read)) return;
        for (const std::string& problem : problems_of(log, state_ ? state_->epoch : 0, folder_.log()))
            bad(folder_.log(), problem, remedy);
        if (!state_) return;
        for (const auto& entry : log.epochs) {
            const auto epoch = entry["epoch"].get<int64_t>();
            if (epoch > state_->epoch + 1)  // one more may be logged and not yet saved
                bad(folder_.log(),
                    fmt::format("{} has epoch {}, the last checkpoint {}", folder_.log().string(), epoch,
                                state_->epoch),
                    to_resume() + " goes on from the checkpoint, and does those epochs again");
            const char* name = entry.contains("validation_mean_iou") ? "validation_mean_iou" : "validation_accuracy";
            const nlohmann::json score = entry.value(name, nlohmann::json());
            if (epoch == state_->best_epoch && state_->best_accuracy >= 0 &&
                !(score.is_number() && score.get<double>() == state_->best_accuracy))
                bad(folder_.log(),
                    fmt::format("{}: epoch {} has {} {}, the last checkpoint {} of it", folder_.log().string(), epoch,
                                name, json_text(score), state_->best_accuracy),
                    remedy);
        }
        finished_ = log.finished;
    }

    void weights(const fs::path& path) {
        const std::string remedy =
            path == folder_.weights() ? "written anew by  " + to_resume() : "nothing replaces it";
        look_at(path, path == folder_.best() ? remedy_of_best() : remedy, [&] {
            if (!reading_) return whole_by_itself(path);
            require_file(path);
            reading_->fit(path);
            const Parameters& parameters = *reading_->parameters;
            load_weights(path, parameters);
            check(all_finite(parameters.values()) && all_finite(parameters.buffers()),
                  "[weights] {}: a value that is not finite", path.string());
            require_of_run(path, reading_->identity);
            require_epoch(path);
            return "weights" + text_of_checksum(path);
        });
    }
    void require_epoch(const fs::path& path) const {
        const std::optional<int64_t> epoch = epoch_of(path);
        if (path == folder_.best()) {
            if (state_) require_best_of(folder_, reading_->identity, state_->best_epoch, state_->epoch);
        } else if (epoch && path != folder_.weights()) {
            const std::string name = path.filename().string();
            const bool numbered = std::isdigit(static_cast<unsigned char>(name[name.find('-') + 1])) != 0;
            check(!numbered || path == folder_.kept(*epoch), "[run] {} holds the weights of epoch {}", path.string(),
                  *epoch);
        } else if (epoch && state_) {
            const int64_t chosen = state_->best_epoch > 0 ? state_->best_epoch : state_->epoch;
            check(*epoch == chosen, "[run] {} holds the weights of epoch {}; the result is those of {}", path.string(),
                  *epoch, chosen);
        }
    }
    std::string remedy_of_best() const { return way_back_of_best(folder_, state_ ? state_->best_epoch : 0, program_); }

    void what_must_be_there() {
        if (!state_) return;
        const auto require = [&](const fs::path& path, const std::string& remedy) {
            if (!fs::exists(path)) bad(path, path.string() + " is missing", remedy);
        };
        if (state_->best_epoch > 0) require(folder_.best(), remedy_of_best());
        if (finished_) require(folder_.weights(), "written anew by  " + to_resume());
        const int64_t every = reading_->run.recipe.keep_every;
        for (int64_t epoch = every; every > 0 && epoch <= state_->epoch; epoch += every)
            require(folder_.kept(epoch), "nothing replaces it");
    }

    const RunFolder folder_;
    const std::string program_;
    std::optional<Reading> reading_;  // where config.json is whole
    std::optional<RunState> state_;   // of the last checkpoint, where it is whole
    bool finished_ = false;
    int64_t wrong_ = 0;
    std::string first_, remedy_;  // the first thing that is wrong
};

}  // namespace

int verify_run(const RunFolder& folder, const std::string& program, const std::function<VerifiedRun()>& read_run) {
    refuse_if_locked(folder);
    // A damaged run is still one: other files than config.json say so.
    check(fs::exists(folder.config()) || (fs::is_directory(folder.path) && has_begun(folder)),
          "[run] {} is not a run: no config.json in it", folder.path.string());
    Verification verification(folder, program);
    verification.go(read_run);
    verification.conclude();
    return 0;
}

}  // namespace swingrad

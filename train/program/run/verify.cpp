#include "train/program/run/verify.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/program/console/output.h"
#include "train/program/console/text.h"
#include "train/program/report/log_table.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/way_back.h"

#include <functional>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

bool all_finite(const Tensor& tensor) { return first_not_finite(tensor) == tensor.numel(); }

int64_t batches_an_epoch(const VerifiedRun& run, const RunFolder& folder) {
    check(run.training_samples >= run.recipe.batch_size, "[run] {}: {} samples to train on are less than a batch of {}",
          folder.config().string(), run.training_samples, run.recipe.batch_size);
    return run.training_samples / run.recipe.batch_size;
}

class Verification {
  public:
    Verification(const RunFolder& folder, const VerifiedRun& run)
        : folder_(folder),
          run_(run),
          batches_(batches_an_epoch(run, folder)),
          parameters_(run.model, dtype_of_precision(run.recipe.precision), Random{}),
          optimiser_(make_optimiser(parameters_, run.recipe)) {}

    void go() {
        good(folder_.config(), fmt::format("{} epochs of {} steps", run_.recipe.epochs, batches_));
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
    // `look` returns what there is to say, or throws.
    void look_at(const fs::path& file, const std::string& remedy, const std::function<std::string()>& look) {
        try {
            good(file, look());
        } catch (const Error& error) {
            bad(file, error.what(), remedy);
        }
    }

    RunState load(const fs::path& path) {
        return load_run(path, run_.recipe, run_.fixed_settings, batches_, parameters_, *optimiser_);
    }
    static std::string place_of(const RunState& state, const fs::path& path) {
        return fmt::format("epoch {}, batch {}{}", state.epoch, state.batch,
                           has_checksum(path) ? "" : "; no checksum, as version 0.2 writes it");
    }
    std::string to_resume() const { return command_to_resume(folder_, run_.program); }

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
            state_ = load(folder_.last());
            good(folder_.last(), place_of(*state_, folder_.last()));
        } catch (const UsageError& error) {
            bad(folder_.last(), error.what(), "put back what config.json said");
        } catch (const Error& error) {
            bad(folder_.last(), error.what(), back());
        }
    }
    std::string back() {
        return way_back(
            folder_, [&](const fs::path& path) { return load(path); }, run_.program);
    }

    void previous() {
        if (!fs::exists(folder_.previous())) return;
        look_at(folder_.previous(), "harmless: the next checkpoint takes its place", [&] {
            const RunState state = load(folder_.previous());
            const auto steps = [&](const RunState& of) { return of.epoch * batches_ + of.batch; };
            check(!state_ || steps(state) <= steps(*state_), "[run] {}: at epoch {}, batch {}, it is ahead of the last",
                  folder_.previous().string(), state.epoch, state.batch);
            return place_of(state, folder_.previous());
        });
    }

    void log() {
        const std::string remedy = "mend it by hand, or leave it: training does not depend on it";
        LogTable log;
        if (fs::exists(folder_.log()))
            look_at(folder_.log(), remedy, [&] {
                log = read_log(folder_.log());
                return fmt::format("{} epochs{}", log.epochs.size(), log.test.is_null() ? "" : ", and the test");
            });
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
            const nlohmann::json accuracy = entry.value("validation_accuracy", nlohmann::json());
            if (epoch == state_->best_epoch && state_->best_accuracy >= 0 &&
                !(accuracy.is_number() && accuracy.get<double>() == state_->best_accuracy))
                bad(folder_.log(),
                    fmt::format("{}: epoch {} has validation_accuracy {}, the last checkpoint {} of it",
                                folder_.log().string(), epoch, json_text(accuracy), state_->best_accuracy),
                    remedy);
        }
        finished_ = log.finished;
    }

    void weights(const fs::path& path) {
        const std::string remedy =
            path == folder_.weights() ? "written anew by  " + to_resume() : "nothing replaces it";
        look_at(path, path == folder_.best() ? remedy_of_best() : remedy, [&] {
            load_weights(path, parameters_);
            check(all_finite(parameters_.values()) && all_finite(parameters_.buffers()),
                  "[weights] {}: a value that is not finite", path.string());
            return std::string("weights") + (has_checksum(path) ? "" : "; no checksum, as version 0.2 writes it");
        });
    }
    std::string remedy_of_best() const {
        const fs::path kept = folder_.kept(state_ ? state_->best_epoch : 0);
        if (fs::exists(kept))
            return fmt::format("the same weights:  cp {} {}", shell_word(kept.string()),
                               shell_word(folder_.best().string()));
        return "the last weights are in last.safetensors";
    }

    void what_must_be_there() {
        if (!state_) return;
        const auto require = [&](const fs::path& path, const std::string& remedy) {
            if (!fs::exists(path)) bad(path, path.string() + " is missing", remedy);
        };
        if (state_->best_epoch > 0) require(folder_.best(), remedy_of_best());
        if (finished_) require(folder_.weights(), "written anew by  " + to_resume());
        const int64_t every = run_.recipe.keep_every;
        for (int64_t epoch = every; every > 0 && epoch <= state_->epoch; epoch += every)
            require(folder_.kept(epoch), "nothing replaces it");
    }

    const RunFolder folder_;
    const VerifiedRun& run_;
    const int64_t batches_;
    const Parameters parameters_;
    const std::unique_ptr<Optimiser> optimiser_;
    std::optional<RunState> state_;  // of the last checkpoint, where it is whole
    bool finished_ = false;
    int64_t wrong_ = 0;
    std::string first_, remedy_;  // the first thing that is wrong
};

}  // namespace

int verify_run(const RunFolder& folder, const VerifiedRun& run) {
    refuse_if_locked(folder);
    Verification verification(folder, run);
    verification.go();
    verification.conclude();
    return 0;
}

}  // namespace swingrad

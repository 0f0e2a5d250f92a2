#include "train/run/run.h"

#include "core/threads.h"
#include "train/checkpoint.h"
#include "train/run/evaluate.h"
#include "train/run/interrupt.h"
#include "train/run/progress.h"
#include "train/run/run_folder.h"
#include "train/run/trainer.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Thrown between steps once the user has asked to stop.
struct Interrupted {};

void stop_if_interrupted() {
    if (interrupted()) throw Interrupted{};
}

// As a shell takes it for one word.
std::string quoted(const std::string& word) {
    const auto plain = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("_-./=+:,@%").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
    std::string text;
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return "'" + text + "'";
}

class Run {
  public:
    Run(const RunFolder& folder, const RunConfig& config, const Dataset& training, const Dataset& validation)
        : folder_(folder),
          recipe_(config.recipe),
          normalisation_(config.normalisation),
          validation_(validation),
          trainer_(config.recipe, config.model, training, config.normalisation) {}

    void announce(const Dataset& training) {
        progress_.line(fmt::format("{}: {} parameters, {} threads", recipe_.model,
                                   grouped(trainer_.parameters().count()), thread_count()));
        progress_.line(fmt::format("{}: {} images to train on, {} to validate on, {} classes, {} x {} pixels",
                                   recipe_.data, grouped(training.size()), grouped(validation_.size()),
                                   training.classes.size(), training.extent().rows, training.extent().columns));
    }

    // To where the last checkpoint left off; a run stopped before its first one begins again.
    void load() {
        const RunState& state = trainer_.state();
        if (fs::exists(folder_.last())) {
            trainer_.load(folder_.last());
            saved_ = fmt::format("epoch {}, batch {}", state.epoch, state.batch);
        }
        cut_log(folder_, state.epoch);
        progress_.line(
            fmt::format("resuming {} after epoch {}, batch {}", folder_.path.string(), state.epoch, state.batch));
    }

    int go() {
        const InterruptGuard guard;
        try {
            while (!trainer_.finished()) {
                train_epoch();
                finish_epoch();
            }
            test();
        } catch (const Interrupted&) {
            // After the last epoch everything is saved, and the parameters may be the best ones, not the last.
            if (!trainer_.finished()) save();
            progress_.line(fmt::format("stopped after step {} of {}; to go on:  swingrad train --resume {}",
                                       trainer_.steps_done(), trainer_.steps_in_all(), quoted(folder_.path.string())));
            return exit_interrupted();
        } catch (const Error& error) {
            if (saved_.empty()) throw;
            fail("{}; last checkpoint: {} in {}; to go on:  swingrad train --resume {}", error.what(), saved_,
                 folder_.path.string(), quoted(folder_.path.string()));
        }
        return 0;
    }

  private:
    void train_epoch() {
        const auto start = Clock::now();
        const int64_t first = trainer_.steps_done();
        while (!trainer_.epoch_done()) {
            stop_if_interrupted();
            const double loss = trainer_.step();
            const double each = seconds_since(start) / static_cast<double>(trainer_.steps_done() - first);
            show_step(loss, each * static_cast<double>(trainer_.steps_in_all() - trainer_.steps_done()));
            if (recipe_.checkpoint_every > 0 && trainer_.steps_done() % recipe_.checkpoint_every == 0) save();
        }
    }

    // Validation, a line of the log, checkpoints. Interrupted here, a run comes back here: all batches are done.
    void finish_epoch() {
        RunState& state = trainer_.state();
        const auto start = Clock::now();
        std::optional<Evaluation> validation;
        if (validation_.size() > 0) validation = evaluate_showing("validating", validation_);
        const double seconds = state.seconds + state.epoch_seconds + seconds_since(start);

        const int64_t epoch = state.epoch + 1;
        nlohmann::json entry = {{"epoch", epoch},
                                {"step", trainer_.steps_done()},
                                {"train_loss", trainer_.mean_loss()},
                                {"train_accuracy", trainer_.accuracy()},
                                {"learning_rate", trainer_.learning_rate_of(trainer_.steps_done() - 1)},
                                {"gradient_norm", trainer_.mean_gradient_norm()},
                                {"images_per_s", trainer_.images_per_second()},
                                {"seconds", seconds}};
        std::string line = fmt::format("epoch {:>{}}/{}  loss {:.4f}", epoch, std::to_string(recipe_.epochs).size(),
                                       recipe_.epochs, trainer_.mean_loss());
        if (validation) {
            entry["validation_loss"] = validation->loss;
            entry["validation_accuracy"] = validation->accuracy;
            line += fmt::format("  validation loss {:.4f}, accuracy {:.2f} %", validation->loss, validation->accuracy);
        }
        line += fmt::format("  {:.0f} images/s  {}", trainer_.images_per_second(), duration_text(seconds));
        append_to_log(folder_, entry);
        progress_.line(line);

        if (validation && validation->accuracy > state.best_accuracy) {
            state.best_accuracy = validation->accuracy;
            state.best_epoch = epoch;
            save_weights(folder_.best(), trainer_.parameters());
        }
        trainer_.begin_next_epoch();
        state.seconds = seconds;
        save();
    }

    void save() {
        trainer_.save(folder_.last());
        saved_ = fmt::format("epoch {}, batch {}", trainer_.state().epoch, trainer_.state().batch);
    }

    // The one look at the test images: with the weights that validation chose, or else the last ones.
    void test() {
        const bool chosen = trainer_.state().best_epoch > 0;
        if (chosen) load_weights(folder_.best(), trainer_.parameters());
        const Dataset test =
            load_dataset(parse_data_source(recipe_.data), Split::test, {.extent = trainer_.model().config().img_size});
        const Evaluation result = evaluate_showing("testing", test);
        save_weights(folder_.weights(), trainer_.parameters());
        const int64_t epoch = chosen ? trainer_.state().best_epoch : recipe_.epochs;
        append_to_log(folder_,
                      {{"test_accuracy", result.accuracy}, {"test_loss", result.loss}, {"weights_of_epoch", epoch}});
        progress_.line(fmt::format("weights of epoch {} in {}", epoch, folder_.weights().string()));
        progress_.line(fmt::format("test accuracy {:.2f} %  (loss {:.4f}, {} images)", result.accuracy, result.loss,
                                   grouped(test.size())));
    }

    Evaluation evaluate_showing(const std::string& label, const Dataset& data) {
        return evaluate(trainer_.model(), data, normalisation_, recipe_.batch_size, [&](int64_t done) {
            stop_if_interrupted();
            progress_.show(label, done, data.size(), "images", 0);
        });
    }

    void show_step(double loss, double seconds_left) {
        const std::string text = fmt::format("loss {:.3f}  accuracy {:.1f} %  {:.0f} images/s", loss,
                                             trainer_.accuracy(), trainer_.images_per_second());
        progress_.show(fmt::format("epoch {}/{}", trainer_.state().epoch + 1, recipe_.epochs), trainer_.state().batch,
                       trainer_.batches_per_epoch(), text, seconds_left);
    }

    const RunFolder folder_;
    const Recipe recipe_;
    const Normalisation normalisation_;
    const Dataset& validation_;
    Trainer trainer_;
    std::string saved_;  // where the last checkpoint stands; empty where there is none
    Progress progress_;
};

// The training set in two: to learn from, and to choose the checkpoint by.
std::pair<Dataset, Dataset> load_training_data(const Recipe& recipe) {
    const DataSource source = parse_data_source(recipe.data);
    const Dataset all = load_dataset(source, Split::train, {.extent = {recipe.img_size, recipe.img_size}});
    auto parts = hold_out(all, recipe.validation, random_of(recipe, Purpose::hold_out));
    check(recipe.validation == 0 || parts.second.size() > 0,
          "[train] --validation {} of {} images leaves none to validate on", recipe.validation, all.size());
    return parts;
}

}  // namespace

fs::path default_run_folder(const Recipe& recipe) {
    return fs::path("runs") /
           fmt::format("{}-{}-seed{}", recipe.model, parse_data_source(recipe.data).kind, recipe.seed);
}

int start_run(const Recipe& recipe, const fs::path& path) {
    check(!fs::exists(path) || (fs::is_directory(path) && fs::is_empty(path)),
          "{0} exists already: go on with it by --resume {0}, or choose another --output", path.string());
    const auto [training, validation] = load_training_data(recipe);
    const auto classes = static_cast<int64_t>(training.classes.size());
    const RunConfig config{recipe, model_of(recipe, classes), normalisation_of(parse_data_source(recipe.data)),
                           training.classes, training.size()};

    const RunFolder folder{path};
    Run run(folder, config, training, validation);
    std::error_code error;
    const bool made = fs::create_directories(path, error);
    check(!error, "[run] cannot create {}: {}", path.string(), error.message());
    try {
        write_config(folder, config);
    } catch (...) {
        if (made) fs::remove(path, error);
        throw;
    }
    run.announce(training);
    return run.go();
}

int resume_run(const fs::path& path) {
    const RunFolder folder{path};
    const RunConfig config = read_config(folder);
    const auto [training, validation] = load_training_data(config.recipe);
    check(training.size() == config.training_images && training.classes == config.classes,
          "[train] {} is not what {} was trained on: {} images of {} classes, then {} of {}", config.recipe.data,
          path.string(), training.size(), training.classes.size(), config.training_images, config.classes.size());
    Run run(folder, config, training, validation);
    remove_temporaries(folder);
    run.announce(training);
    run.load();
    return run.go();
}

}  // namespace swingrad

#include "train/program/run/run_loop.h"

#include "core/threads.h"
#include "train/loop/checkpoint.h"
#include "train/program/console/interrupt.h"
#include "train/program/console/text.h"
#include "train/program/images/data_source.h"
#include "train/program/run/run_report.h"

#include <cmath>

namespace swingrad {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Thrown between steps once the user has asked to stop.
struct Interrupted {};

void stop_if_interrupted() {
    if (interrupted()) throw Interrupted{};
}

}  // namespace

RunLoop::RunLoop(const RunFolder& folder, const RunConfig& config, const Dataset& training, const Dataset& validation)
    : folder_(folder),
      config_(config),
      recipe_(config_.recipe),
      validation_(validation),
      trainer_(config.recipe, config.model, training, config.normalisation) {
    trainer_.on_skip = [this](const std::string& why) { progress_.warning(why); };
}

void RunLoop::announce(const Dataset& training) {
    const std::string device =
        recipe_.device == "cpu" ? "" : fmt::format(", {}, {}", recipe_.precision, description_of(recipe_.device));
    progress_.line(fmt::format("{}: {} parameters, {} threads{}", recipe_.model, grouped(trainer_.parameters().count()),
                               thread_count(), device));
    progress_.line(fmt::format("{}: {} images to train on, {} to validate on, {} classes, {} x {} pixels", recipe_.data,
                               grouped(training.size()), grouped(validation_.size()), training.classes.size(),
                               training.extent().rows, training.extent().columns));
}

void RunLoop::load() {
    const RunState& state = trainer_.state();
    if (std::filesystem::exists(folder_.last())) {
        trainer_.load(folder_.last());
        saved_ = fmt::format("epoch {}, batch {}", state.epoch, state.batch);
    }
    cut_log(folder_, state.epoch);
    progress_.line(
        fmt::format("resuming {} after epoch {}, batch {}", folder_.path.string(), state.epoch, state.batch));
}

int RunLoop::go() {
    const InterruptGuard guard;
    const std::string to_go_on = "to go on:  swingrad train --resume " + shell_word(folder_.path.string());
    try {
        while (!trainer_.finished()) {
            train_epoch();
            finish_epoch();
        }
        test();
    } catch (const Interrupted&) {
        // After the last epoch everything is saved, and the parameters may be the best ones, not the last.
        if (!trainer_.finished()) save();
        progress_.line(
            fmt::format("stopped after step {} of {}; {}", trainer_.steps_done(), trainer_.steps_in_all(), to_go_on));
        return exit_interrupted();
    } catch (const Error& error) {
        if (saved_.empty()) throw;
        fail("{}; last checkpoint: {} in {}; {}", error.what(), saved_, folder_.path.string(), to_go_on);
    }
    return 0;
}

void RunLoop::train_epoch() {
    const auto start = Clock::now();
    const int64_t first = trainer_.steps_done();
    while (!trainer_.epoch_done()) {
        if (interrupted()) trainer_.settle();  // may stop it for another reason
        stop_if_interrupted();
        const double loss = trainer_.step();
        const double each = seconds_since(start) / static_cast<double>(trainer_.steps_done() - first);
        show_step(loss, each * static_cast<double>(trainer_.steps_in_all() - trainer_.steps_done()));
        if (recipe_.checkpoint_every > 0 && trainer_.steps_done() % recipe_.checkpoint_every == 0) save();
    }
}

// Validation, a line of the log, checkpoints, report. Interrupted in validation, a run comes back here: all batches are
// done. The report comes last, so that it costs no checkpoint whatever becomes of it.
void RunLoop::finish_epoch() {
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
                            {"skipped_steps", state.skipped},
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

    save_weights_of_epoch(validation);
    trainer_.begin_next_epoch();
    state.seconds = seconds;
    save();
    report("validation", validation_, validation, epoch);
}

// The best so far, and those asked for by --keep-every.
void RunLoop::save_weights_of_epoch(const std::optional<Evaluation>& validation) {
    RunState& state = trainer_.state();
    const int64_t epoch = state.epoch + 1;
    if (validation && validation->accuracy > state.best_accuracy) {
        state.best_accuracy = validation->accuracy;
        state.best_epoch = epoch;
        save_weights(folder_.best(), trainer_.parameters());
    }
    if (recipe_.keep_every > 0 && epoch % recipe_.keep_every == 0)
        save_weights(folder_.kept(epoch), trainer_.parameters());
}

void RunLoop::save() {
    trainer_.save(folder_.last());
    saved_ = fmt::format("epoch {}, batch {}", trainer_.state().epoch, trainer_.state().batch);
}

// A report that cannot be made is said once, and is no reason to stop what it reports on.
void RunLoop::report(const std::string& set, const Dataset& data, const std::optional<Evaluation>& evaluation,
                     int64_t epoch) {
    std::string problem;
    try {
        std::optional<Judged> judged;
        if (evaluation)
            judged.emplace(Judged{set, epoch, data, evaluation->accuracy, evaluation->loss, evaluation->predictions});
        problem = report_on(folder_, config_, trainer_.parameters().count(), judged ? &*judged : nullptr);
    } catch (const std::exception& error) {
        problem = fmt::format("No report: {}; training goes on", error.what());
    }
    if (!problem.empty() && said_once_.insert(problem).second) progress_.warning(problem);
}

// The one look at the test images: with the weights that validation chose, or else the last ones.
void RunLoop::test() {
    const bool chosen = trainer_.state().best_epoch > 0;
    if (chosen) load_weights(folder_.best(), trainer_.parameters());
    const Dataset test =
        load_dataset(parse_data_source(recipe_.data), Split::test, {.extent = trainer_.model().config().img_size});
    const Evaluation result = evaluate_showing("testing", test);
    save_weights(folder_.weights(), trainer_.parameters());
    const int64_t epoch = chosen ? trainer_.state().best_epoch : recipe_.epochs;
    append_to_log(folder_,
                  {{"test_accuracy", result.accuracy}, {"test_loss", result.loss}, {"weights_of_epoch", epoch}});
    report("test", test, result, epoch);
    progress_.line(fmt::format("weights of epoch {} in {}", epoch, folder_.weights().string()));
    if (std::filesystem::exists(folder_.report()))
        progress_.line(fmt::format("report in {}", folder_.report().string()));
    progress_.line(fmt::format("test accuracy {:.2f} %  (loss {:.4f}, {} images)", result.accuracy, result.loss,
                               grouped(test.size())));
}

Evaluation RunLoop::evaluate_showing(const std::string& label, const Dataset& data) {
    return evaluate(trainer_.model(), data, config_.normalisation, recipe_.batch_size, [&](int64_t done) {
        stop_if_interrupted();
        progress_.show(label, done, data.size(), "images", 0);
    });
}

void RunLoop::show_step(double loss, double seconds_left) {
    std::string text;  // nothing where a GPU has not been asked yet
    if (!std::isnan(loss))
        text = fmt::format("loss {:.3f}  accuracy {:.1f} %  {:.0f} images/s", loss, trainer_.accuracy(),
                           trainer_.images_per_second());
    progress_.show(fmt::format("epoch {}/{}", trainer_.state().epoch + 1, recipe_.epochs), trainer_.state().batch,
                   trainer_.batches_per_epoch(), text, seconds_left);
}

}  // namespace swingrad

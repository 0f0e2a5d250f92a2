#include "train/program/run/run_loop.h"

#include "core/io/file.h"
#include "core/io/safetensors.h"
#include "core/threads.h"
#include "train/loop/checkpoint.h"
#include "train/program/console/error_text.h"
#include "train/program/console/interrupt.h"
#include "train/program/console/text.h"
#include "train/program/run/belonging.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_report.h"
#include "train/program/run/surprises.h"
#include "train/program/run/way_back.h"

#include <cmath>
#include <limits>

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

RunLoop::RunLoop(const RunFolder& folder, const RunSubject& subject)
    : folder_(folder),
      subject_(subject),
      recipe_(subject_.recipe),
      trainer_(recipe_, subject_.model, subject_.training,
               subject_.training_loss ? subject_.training_loss : subject_.loss) {
    trainer_.on_skip = [this](const std::string& why) { progress_.warning(why); };
    trainer_.fixed_settings = subject.fixed_settings;
    trainer_.wants_to_stop = [] { return interrupted(); };
    trainer_.on_note = [this](const std::string& note) { progress_.warning(note); };
    if (recipe_.early_stop > 0 && !subject_.validation)
        fail_usage("--early-stop {} needs {} to validate on, and there are none", recipe_.early_stop,
                   subject_.samples_are);
    if (recipe_.tensorboard) RunEvents::require_possible();
}

void RunLoop::announce(const std::string& samples) {
    const std::string device =
        recipe_.device == "cpu" ? "" : fmt::format(", {}, {}", recipe_.precision, description_of(recipe_.device));
    const int64_t frozen = trainer_.parameters().frozen_count();
    const std::string of_these = frozen > 0 ? fmt::format(" ({} of them frozen)", grouped(frozen)) : "";
    const std::string ranks = ranks_.size() == 1 ? "" : fmt::format("{} processes of ", ranks_.size());
    progress_.line(fmt::format("{}: {} parameters{}, {}{} threads{}", subject_.model_name,
                               grouped(trainer_.parameters().count()), of_these, ranks, thread_count(), device));
    if (recipe_.model_ema)
        progress_.line("weights are averaged over steps: what is validated, best and the result is the average");
    const int64_t validation = subject_.validation ? subject_.validation->size() : 0;
    progress_.line(fmt::format("{}: {} {} to train on, {} to validate on{}", subject_.data_name,
                               grouped(subject_.training.size()), subject_.samples_are, grouped(validation), samples));
    if (subject_.phase) progress_.line(subject_.phase->text);
    for (const std::string& line : notes_) progress_.line(line);
    for (const std::string& line : surprises_of(subject_)) progress_.warning(line);
}

std::string RunLoop::fingerprint_of_weights() const {
    const Tensor values = trainer_.parameters().values().on_cpu();
    return fingerprint_of(std::string_view(static_cast<const char*>(values.address()), values.bytes()));
}

std::string RunLoop::identity() const {
    const nlohmann::json& fixed = subject_.fixed_settings;
    return fixed.is_object() ? fixed.value(identity_setting, "") : "";
}

int RunLoop::go() {
    const InterruptGuard guard;
    try {
        try {
            if (!recipe_.init.empty() && saved_.empty()) save();  // what it began from is not read again
            if (recipe_.tensorboard && leads()) {
                lock_->require_there();
                events_.begin(folder_.path, trainer_.steps_done(), [this](const auto& line) { warn(line); });
            }
            while (!over() && !phase_over()) {
                const auto start = Clock::now();
                const bool whole = trainer_.state().batch == 0;
                train_epoch();
                const double of_steps = seconds_since(start);
                finish_epoch();
                if (whole) time_left_.epoch_took(seconds_since(start), of_steps);
            }
            if (!phase_over()) test();
            return 0;
        } catch (const Interrupted&) {
            // After the last epoch everything is saved, and the parameters may be the best ones, not the last.
            if (!over()) save();
        }
    } catch (const std::exception& error) {
        save_what_is_done();
        if (saved_.empty() && !lock_->moved_to()) throw;
        fail_after(error);
    }
    say_at_last(fmt::format("stopped after step {} of {}; to go on:  {}", trainer_.steps_done(),
                            trainer_.steps_in_all(), command_to_resume(folder_, subject_.program)));
    return exit_interrupted();
}

// Follows from the saved state alone, so that a resumed run ends where it would have.
bool RunLoop::stopped_early() const {
    const RunState& state = trainer_.state();
    return recipe_.early_stop > 0 && state.best_epoch > 0 && state.epoch - state.best_epoch >= recipe_.early_stop &&
           !trainer_.finished();
}

// With what is saved, and how to go on. Where the folder has gone, that is why, whatever failed for want of it.
void RunLoop::fail_after(const std::exception& error) {
    const std::optional<std::filesystem::path> now = lock_->moved_to();
    const std::string why = now ? lock_->text_of_move(*now) : text_of(error);
    if (saved_.empty() || (now && now->empty())) fail("{}", why);
    const RunFolder folder{now.value_or(folder_.path)};
    const std::string way = command_to_resume(folder, subject_.program);
    if (!leads()) fail("{}; to go on:  {}", why, way);  // what the first has saved, it alone knows
    fail("{}; last checkpoint: {} in {}; to go on:  {}", why, saved_, folder.path.string(), way);
}

// On standard output, or, where nobody reads that any more, on standard error.
void RunLoop::say_at_last(const std::string& text) {
    if (!progress_.line(text)) progress_.warning(text);
}

// Between steps, on all ranks or on none.
bool RunLoop::stop_wanted() { return ranks_.size() == 1 ? interrupted() : trainer_.stop_agreed(); }

void RunLoop::train_epoch() {
    const auto start = Clock::now();
    const int64_t first = trainer_.steps_done();
    while (!trainer_.epoch_done()) {
        if (stop_wanted()) {
            trainer_.settle();  // may stop it for another reason
            throw Interrupted{};
        }
        lock_->require_there();
        const double loss = trainer_.step();
        const double each = seconds_since(start) / static_cast<double>(trainer_.steps_done() - first);
        const RunState& state = trainer_.state();
        show_step(loss, time_left_.of(each, trainer_.batches_per_epoch() - state.batch, trainer_.batches_per_epoch(),
                                      epochs_to_go()));
        if (recipe_.checkpoint_every > 0 && trainer_.steps_done() % recipe_.checkpoint_every == 0) save();
    }
}

// Validation, a line of the log, checkpoints, report. Interrupted in validation, a run comes back here: all batches are
// done. The report comes last, so that it costs no checkpoint whatever becomes of it.
void RunLoop::finish_epoch() {
    RunState& state = trainer_.state();
    if (saved_.empty()) save();  // so that a run with a line in its log has a checkpoint
    const auto start = Clock::now();
    std::optional<Evaluation> validation;
    if (subject_.validation) {
        const AveragedInPlace averaged = trainer_.averaged_in_place();
        validation = evaluate_showing("validating", *subject_.validation);
    }
    const double seconds = state.seconds + state.epoch_seconds + seconds_since(start);

    const int64_t epoch = state.epoch + 1;
    nlohmann::json entry = {{"epoch", epoch},
                            {"step", trainer_.steps_done()},
                            {"train_loss", trainer_.mean_loss()},
                            {"learning_rate", trainer_.learning_rate_of(trainer_.steps_done() - 1)},
                            {"gradient_norm", trainer_.mean_gradient_norm()},
                            {"skipped_steps", state.skipped},
                            {subject_.samples_are + "_per_s", trainer_.samples_per_second()},
                            {"seconds", seconds}};
    std::string line = fmt::format("epoch {:>{}}/{}  loss {:.4f}", epoch, std::to_string(recipe_.epochs).size(),
                                   recipe_.epochs, trainer_.mean_loss());
    if (trainer_.classifies()) entry["train_accuracy"] = trainer_.accuracy();
    if (validation) {
        entry["validation_loss"] = validation->loss;
        line += fmt::format("  validation loss {:.4f}", validation->loss);
        add_scores(entry, "validation", *validation);
        if (!std::isnan(validation->score()))
            line += fmt::format(", {} {:.2f} %", validation->score_text(), validation->score());
    }
    line +=
        fmt::format("  {:.0f} {}/s  {}", trainer_.samples_per_second(), subject_.samples_are, duration_text(seconds));
    if (subject_.phase) {
        entry.update(subject_.phase->sizes);
        line += fmt::format("  at {}", subject_.phase->sizes_text);
    }
    lock_->require_there();
    if (leads()) {
        append_to_log(folder_, entry);
        events_.add(entry, trainer_.steps_done());
    }
    progress_.line(line);

    save_weights_of_epoch(validation);
    trainer_.begin_next_epoch();
    state.seconds = seconds;
    save();
    report("validation", subject_.validation, validation, epoch);
}

// The best so far, and those asked for by --keep-every.
void RunLoop::save_weights_of_epoch(const std::optional<Evaluation>& validation) {
    const AveragedInPlace averaged = trainer_.averaged_in_place();
    RunState& state = trainer_.state();
    const int64_t epoch = state.epoch + 1;
    // The best is of the model itself: a phase before the last has none.
    if (validation && is_last_phase() && is_better(*validation)) {
        // First: a state that names it may be saved if this fails.
        trainer_.save_weights(folder_.best(), mark_of(identity(), epoch));
        if (!std::isnan(validation->score())) state.best_accuracy = validation->score();
        // JSON knows no infinity, and whatever comes next is better than that or NaN.
        state.best_loss = std::isfinite(validation->loss) ? validation->loss : std::numeric_limits<double>::max();
        state.best_epoch = epoch;
    }
    if (recipe_.keep_every > 0 && epoch % recipe_.keep_every == 0)
        trainer_.save_weights(folder_.kept(epoch), mark_of(identity(), epoch));
}

// An epoch whose batches are all done, where what came after them failed.
void RunLoop::save_what_is_done() {
    if (trainer_.is_sharded()) return;  // the others may be anywhere
    try {
        if (!over() && trainer_.epoch_done()) save();
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): what failed first is what is said
    }
}

void RunLoop::save() {
    if (begins_phase()) return;  // the last checkpoint, of the phase before, says as much
    lock_->require_there();
    trainer_.save(folder_.next());
    if (leads()) replace_file(folder_.next(), folder_.last(), folder_.previous());
    saved_ = fmt::format("epoch {}, batch {}", trainer_.state().epoch, trainer_.state().batch);
}

// By score, and of equal ones by loss; where there is no score, by loss.
bool RunLoop::is_better(const Evaluation& validation) const {
    const RunState& state = trainer_.state();
    if (state.best_epoch == 0) return true;
    if (!std::isnan(validation.score()) && validation.score() != state.best_accuracy)
        return validation.score() > state.best_accuracy;
    return validation.loss < state.best_loss;
}

// A report that cannot be made is said once, and is no reason to stop what it reports on.
void RunLoop::report(const std::string& set, const Samples* samples, const std::optional<Evaluation>& evaluation,
                     int64_t epoch) {
    if (!leads()) return;
    lock_->require_there();
    std::string problem;
    try {
        std::optional<Judged> judged;
        if (evaluation)
            judged.emplace(Judged{set, epoch, samples->size(), samples->images(), evaluation->accuracy,
                                  evaluation->loss, evaluation->predictions, judged_html_});
        if (!batch_png_) batch_png_ = png_of_first_batch(subject_);
        problem = report_on(folder_, subject_, trainer_.parameters().count(), judged ? &*judged : nullptr, *batch_png_);
    } catch (const EndedBySignal&) {
        return;  // the run ends where it next looks
    } catch (const std::exception& error) {
        problem = fmt::format("No report: {}; training goes on", text_of(error));
    }
    if (!problem.empty() && said_once_.insert(problem).second) progress_.warning(problem);
}

// The one look at the test samples: with the weights that validation chose, or else the last ones.
void RunLoop::test() {
    const bool chosen = trainer_.state().best_epoch > 0;
    // Those that validation chose are averaged already.
    const AveragedInPlace averaged = chosen ? AveragedInPlace(nullptr) : trainer_.averaged_in_place();
    ranks_.meet();  // the best is written
    if (chosen) {
        load_weights(folder_.best(), trainer_.parameters());
        require_best_of(folder_, identity(), trainer_.state().best_epoch, trainer_.state().epoch);
    }
    const int64_t epoch = chosen ? trainer_.state().best_epoch : trainer_.state().epoch;
    if (stopped_early())
        progress_.line(fmt::format("stopped early after epoch {} of {}: since epoch {} none was better",
                                   trainer_.state().epoch, recipe_.epochs, trainer_.state().best_epoch));
    const std::unique_ptr<Samples> test = subject_.test ? subject_.test() : nullptr;
    std::string result;
    std::optional<Evaluation> evaluation;
    nlohmann::json entry{{"weights_of_epoch", epoch}};
    if (stopped_early()) entry["stopped_early_after"] = trainer_.state().epoch;
    if (test) {
        evaluation = evaluate_showing("testing", *test);
        entry["test_loss"] = evaluation->loss;
        add_scores(entry, "test", *evaluation);
        const std::string of = fmt::format("{} {}", grouped(test->size()), subject_.samples_are);
        result = std::isnan(evaluation->score())
                     ? fmt::format("test loss {:.4f}  ({})", evaluation->loss, of)
                     : fmt::format("test {} {:.2f} %  (loss {:.4f}, {})", evaluation->score_text(), evaluation->score(),
                                   evaluation->loss, of);
    }
    if (test && subject_.second_judge) {
        const std::unique_ptr<Module> judge = subject_.second_judge(subject_.model);
        const Evaluation second = evaluate_showing("testing again", *test, *judge);
        entry["test_tta_loss"] = second.loss;
        add_scores(entry, "test_tta", second);
        result += fmt::format("; {} {:.2f} %  (loss {:.4f})", subject_.second_judge_is, second.score(), second.loss);
    }
    lock_->require_there();
    trainer_.save_weights(folder_.weights(), mark_of(identity(), epoch));
    if (!leads()) return;
    append_to_log(folder_, entry);
    events_.add(entry, trainer_.steps_done());
    if (test) report("test", test.get(), evaluation, epoch);
    progress_.line(fmt::format("weights of epoch {} in {}", epoch, folder_.weights().string()));
    if (std::filesystem::exists(folder_.report()))
        progress_.line(fmt::format("report in {}", folder_.report().string()));
    if (test) progress_.line(result);
}

Evaluation RunLoop::evaluate_showing(const std::string& label, const Samples& samples) {
    Evaluation evaluation = evaluate_showing(label, samples, subject_.model);
    if (subject_.html_of_judged) judged_html_ = subject_.html_of_judged(samples, evaluation, trainer_.parameters());
    return evaluation;
}

Evaluation RunLoop::evaluate_showing(const std::string& label, const Samples& samples, Module& model) {
    const auto show = [&](int64_t done) {
        if (ranks_.size() == 1) stop_if_interrupted();  // else all go on to the next step
        progress_.show(label, done, samples.size(), subject_.samples_are, 0);
    };
    return evaluate(model, trainer_.parameters(), samples, recipe_.batch_size, show, subject_.loss);
}

void RunLoop::show_step(double loss, double seconds_left) {
    std::string text;  // nothing where a GPU has not been asked yet
    if (!std::isnan(loss))
        text = fmt::format("loss {:.3f}  {}{:.0f} {}/s", loss,
                           trainer_.classifies() ? fmt::format("accuracy {:.1f} %  ", trainer_.accuracy()) : "",
                           trainer_.samples_per_second(), subject_.samples_are);
    progress_.show(fmt::format("epoch {}/{}", trainer_.state().epoch + 1, recipe_.epochs), trainer_.state().batch,
                   trainer_.batches_per_epoch(), text, seconds_left);
}

}  // namespace swingrad

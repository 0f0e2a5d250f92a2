// The loop of a run over epochs: train, validate, log, save, report; at the very end the test.
#pragma once

#include "train/loop/evaluate.h"
#include "train/loop/trainer.h"
#include "train/program/console/progress.h"
#include "train/program/console/time_left.h"
#include "train/program/run/run_folder.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_subject.h"
#include "train/program/tensorboard/run_events.h"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace swingrad {

class RunLoop {
  public:
    // What the subject refers to must outlive the loop. Touches no file.
    RunLoop(const RunFolder& folder, const RunSubject& subject);

    // The lock on the folder, which must outlive the loop: needed by what follows.
    void hold(const RunLock& lock) { lock_ = &lock; }
    // Says what is going to be trained. `samples` says more of them: ", 10 classes, 32 x 32 pixels".
    void announce(const std::string& samples);
    void warn(const std::string& line) { progress_.warning(line); }
    // Where the recipe names weights to begin from: takes them, and says so once the run is announced. Throws an Error
    // where they are no longer those whose fingerprint is among the fixed settings. (train/program/run/start.cpp)
    void take_initial_weights();
    // To where the last checkpoint left off; a run stopped before its first one begins again. Where there must be one
    // and it is missing or damaged, the Error says by which command to go on. So it does of weights chosen by
    // validation that are none of the run's. (train/program/run/start.cpp)
    void load();
    // Of a run whose epochs were raised, the result that it no longer is: its weights are those of the best epoch, or
    // of the last checkpoint.
    void drop_old_result();
    std::string fingerprint_of_weights() const;  // as they are now
    // Returns the exit code: 0, or exit_interrupted() where the user stopped it.
    int go();
    // Of a run in phases: whether go() has come to the end of one that is not the last; to go on from there, in the
    // place of load(), with another phase's weights. (train/program/run/start.cpp)
    bool phase_over() const { return !is_last_phase() && trainer_.state().epoch >= subject_.phase->end; }
    void carry_on(const RunLoop& phase_before);

  private:
    void train_epoch();
    void finish_epoch();
    void save_weights_of_epoch(const std::optional<Evaluation>& validation);
    void test();

    bool leads() const { return ranks_.rank() == 0; }  // it writes the run's files, for all ranks
    bool stop_wanted();
    bool is_last_phase() const { return !subject_.phase || !subject_.phase->next; }
    bool begins_phase() const;
    int64_t epochs_to_go() const;  // after the one under way, in epochs as long as this phase's
    bool over() const { return trainer_.finished() || stopped_early(); }
    bool stopped_early() const;
    void say_what_is_raised();

    void load_last();
    void look_at_best();
    void say_what_is_dropped();
    std::string way_back_of_run();
    RunState load_of_any_phase(const std::filesystem::path& path);
    void save();
    void save_what_is_done();
    std::string identity() const;
    [[noreturn]] void fail_after(const std::exception& error);
    void report(const std::string& set, const Samples* samples, const std::optional<Evaluation>& evaluation,
                int64_t epoch);
    Evaluation evaluate_showing(const std::string& label, const Samples& samples);
    Evaluation evaluate_showing(const std::string& label, const Samples& samples, Module& model);
    bool is_better(const Evaluation& validation) const;
    void say_at_last(const std::string& text);
    void show_step(double loss, double seconds_left);

    const RunFolder folder_;
    const RunSubject subject_;
    const Recipe& recipe_;
    Ranks& ranks_ = world();
    Trainer trainer_;
    const RunLock* lock_ = nullptr;
    std::string saved_;                // where the last checkpoint stands; empty where there is none
    std::set<std::string> said_once_;  // what went wrong with the report
    std::vector<std::string> notes_;   // of what the run begins from
    Progress progress_;
    TimeLeft time_left_;
    RunEvents events_;                      // of a run with --tensorboard
    std::optional<std::string> batch_png_;  // once it is drawn
    std::string judged_html_;               // of the last evaluation: RunSubject::html_of_judged
};

}  // namespace swingrad

// The loop of a run over epochs: train, validate, log, save, report; at the very end the test images.
#pragma once

#include "train/loop/evaluate.h"
#include "train/loop/trainer.h"
#include "train/program/console/progress.h"
#include "train/program/run/run_folder.h"

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace swingrad {

class RunLoop {
  public:
    // Both datasets must outlive the loop; `validation` may be empty. Touches no file.
    RunLoop(const RunFolder& folder, const RunConfig& config, const Dataset& training, const Dataset& validation);

    void announce(const Dataset& training);
    // To where the last checkpoint left off; a run stopped before its first one begins again.
    void load();
    // Returns the exit code: 0, or exit_interrupted() where the user stopped it.
    int go();

  private:
    void train_epoch();
    void finish_epoch();
    void save_weights_of_epoch(const std::optional<Evaluation>& validation);
    void test();

    void save();
    void report(const std::string& set, const Dataset& data, const std::optional<Evaluation>& evaluation,
                int64_t epoch);
    Evaluation evaluate_showing(const std::string& label, const Dataset& data);
    void show_step(double loss, double seconds_left);

    const RunFolder folder_;
    const RunConfig config_;
    const Recipe& recipe_;
    const Dataset& validation_;
    Trainer trainer_;
    std::string saved_;                // where the last checkpoint stands; empty where there is none
    std::set<std::string> said_once_;  // what went wrong with the report
    Progress progress_;
};

}  // namespace swingrad

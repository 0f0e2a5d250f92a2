// What experiments that train share: images that are read only when something has to be computed, and trainings.
#pragma once

#include "train/experiments/harness/experiment.h"
#include "train/loop/swin_trainer.h"
#include "train/program/images/data_source.h"
#include "train/program/report/log_table.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace swingrad {

// The images of --data. None is read before it is asked for: where all results are kept, none is needed.
class ExperimentImages {
  public:
    ExperimentImages(const std::string& data, Extent extent);

    int64_t classes() const { return classes_; }
    Normalisation normalisation() const { return normalisation_of(source_.kind); }
    // Of the training images so many of each class, or all where there are no more; always the same ones.
    const Dataset& training(int64_t most);
    const Dataset& test(int64_t most);

  private:
    const Dataset& part(std::optional<Dataset>& kept, Split split, int64_t most);

    DataSource source_;
    Extent extent_;
    int64_t classes_;
    std::optional<Dataset> training_, test_;
};

// The recipe that a run's settings ask for; everything else is as `swingrad train` has it.
SwinRecipe recipe_of(const ExperimentSettings& settings);

// Takes all steps of `trainer`, whose recipe must have on_nan "skip", until loss or gradient is not finite. Returns
// what was wrong then; nothing where all went well. `after_step` is called with the number of steps done.
std::string train_through(Trainer& trainer, ExperimentRun& run, const std::string& label,
                          const std::function<void(int64_t steps)>& after_step = {});

// Trains as `swingrad train` does, in a folder of its own, and goes on with what a killed one has left there. Returns
// the run's log, the test at its end.
LogTable train_in_folder(const SwinRecipe& recipe, const std::filesystem::path& folder);

}  // namespace swingrad

// A trained model as commands are given one: --checkpoint, a run that knows everything, or --weights, with flags for
// what a run would know. A hub's folder knows it too (train/transfer/hub_folder.h).
#pragma once

#include "models/nn/parameters.h"
#include "train/data/batch.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/flags.h"
#include "train/program/run/run_folder.h"
#include "train/program/weights/origin.h"

#include <functional>
#include <optional>

namespace swingrad {

// Of what --checkpoint names (train/program/run/run_folder.h): the run's settings, and the file its weights are in.
// Throws an Error where there is none.
std::pair<RunConfig, std::filesystem::path> run_of_checkpoint(const std::filesystem::path& checkpoint);

// Throws an Error unless the run is of a classifier: for commands that know no other model.
void require_classifier(const SwinRecipe& recipe, const std::filesystem::path& named);

// How many classes the classifier of a file of weights has, whatever its names; nothing where it has none.
std::optional<int64_t> classes_in(const std::filesystem::path& weights);

class TrainedModelFlags {
  public:
    using Say = std::function<void(const std::string& line)>;  // a line with its end

    void declare(CLI::App& command, const std::string& weights_help, const std::string& normalisation_default);

    // Throws a UsageError unless one of --checkpoint and --weights was given, with flags that go with it. Reads what
    // the folder of --weights says of its model.
    void check_usage();

    bool is_run() const { return !checkpoint_.empty(); }
    std::pair<RunConfig, std::filesystem::path> run() const { return run_of_checkpoint(checkpoint_); }
    // Of --weights: the model's configuration but for its classes, and how images are normalised, said by `say`.
    SwinConfig config() const { return model_.config(); }
    Normalisation normalisation(Normalisation otherwise, const Say& say) const;
    bool ignore_exif() const { return ignore_exif_; }
    Preparation preparation() const;
    const std::filesystem::path& weights() const { return weights_; }
    // Of the folder of --weights, names in label order; empty where it says none.
    std::vector<std::string> classes() const { return card_ ? card_->classes : std::vector<std::string>{}; }
    std::optional<int64_t> classes_in_weights() const { return classes_in(weights_); }
    // Loads weights; what was remarkable about them is said by `say`.
    void load(const std::filesystem::path& weights, const Parameters& parameters, const Say& say) const;

  private:
    std::filesystem::path checkpoint_, weights_;
    std::string mean_, deviation_;
    bool resample_ = false, ignore_exif_ = false;
    SwinRecipe images_;            // of its settings, those by which images are prepared
    SettingFlags image_settings_;  // the flags of these
    ModelChoice model_;
    std::optional<ModelCard> card_;  // of --weights, where that is a folder that has one
};

}  // namespace swingrad

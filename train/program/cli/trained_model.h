// A trained model as commands are given one: --checkpoint, a run that knows everything, or --weights, with flags for
// what a run would know.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/batch.h"
#include "train/program/cli/model_flags.h"
#include "train/program/run/run_folder.h"

namespace swingrad {

class TrainedModelFlags {
  public:
    void declare(CLI::App& command, const std::string& weights_help, const std::string& normalisation_default);

    // Throws a UsageError unless one of --checkpoint and --weights was given, with flags that go with it.
    void check_usage() const;

    bool is_run() const { return !checkpoint_.empty(); }
    // Of a run: its settings, and the file its weights are in.
    std::pair<RunConfig, std::filesystem::path> run() const;
    // Of --weights: the model's configuration but for its classes, and how images are normalised, shown on `stream`.
    SwinConfig config() const { return model_.config(); }
    Normalisation normalisation(Normalisation otherwise, std::FILE* stream) const;
    const std::filesystem::path& weights() const { return weights_; }
    // Loads weights; what was remarkable about them is said on `stream`.
    void load(const std::filesystem::path& weights, const Parameters& parameters, std::FILE* stream) const;

  private:
    std::filesystem::path checkpoint_, weights_;
    std::string mean_, deviation_;
    bool resample_ = false;
    ModelChoice model_;
};

}  // namespace swingrad

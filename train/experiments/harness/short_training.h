// Trainings in memory, on part of the images of --data, begun from weights or from nothing.
#pragma once

#include "train/data/dataset.h"
#include "train/experiments/harness/experiment.h"
#include "train/loop/swin_recipe.h"

#include <filesystem>
#include <string>

namespace swingrad {

struct ShortTraining {
    const SwinRecipe& recipe;  // with on_nan "skip"
    const Dataset& training;
    const Dataset& test;
    const Normalisation& normalisation;
    std::filesystem::path begun_from = {};  // empty: from nothing
};
// {"accuracy", "loss"} on the test images at its end, {"stopped"}: what was not finite; else empty.
nlohmann::json train_shortly(const ShortTraining& training, ExperimentRun& run, const std::string& label);

}  // namespace swingrad

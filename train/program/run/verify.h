// A run's folder held against itself: every file whole, and no two of them at odds.
#pragma once

#include "models/nn/module.h"
#include "train/loop/recipe.h"
#include "train/program/run/run_folder.h"

#include <string>

namespace swingrad {

// What config.json says, and the model that it names.
struct VerifiedRun {
    Recipe recipe;
    Module& model;
    int64_t training_samples;
    std::string program;  // whose command goes on with it
    nlohmann::json fixed_settings = {};
};

// Prints a line for each file. Returns 0 where nothing is wrong; else throws an Error that names the first thing that
// is, and what can be done. Changes no file.
int verify_run(const RunFolder& folder, const VerifiedRun& run);

}  // namespace swingrad

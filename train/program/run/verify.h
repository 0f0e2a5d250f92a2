// A run's folder held against itself: every file whole, and no two of them at odds.
#pragma once

#include "models/nn/module.h"
#include "train/loop/recipe.h"
#include "train/program/run/run_folder.h"
#include "train/program/run/run_subject.h"

#include <functional>
#include <memory>
#include <string>

namespace swingrad {

// What config.json says, and the model that it names.
struct VerifiedRun {
    Recipe recipe;
    std::unique_ptr<Module> model;
    int64_t training_samples;
    nlohmann::json fixed_settings = nlohmann::json::object();  // Trainer's
    ModelAtPlace model_at = {};                                // of a run in phases
};

// Prints a line for each file. Returns 0 where nothing is wrong; else throws an Error that names the first thing that
// is, and what can be done. Changes no file. `read_run` reads config.json, or throws an Error: then each other file is
// looked at by itself. `program` is whose command goes on with the run.
int verify_run(const RunFolder& folder, const std::string& program, const std::function<VerifiedRun()>& read_run);

}  // namespace swingrad

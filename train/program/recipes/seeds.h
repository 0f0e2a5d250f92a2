// One recipe trained with several seeds, to tell what it gives from luck.
//
// The folder holds seeds.json (the settings and how many seeds), a run for each seed, seed0/ and so on, and when all
// are done seeds.md, a table of what they reached with mean and spread.
#pragma once

#include "train/program/run/run.h"

namespace swingrad {

constexpr int64_t most_seeds_of_a_recipe = 1000;

std::filesystem::path default_seeds_folder(const SwinRecipe& recipe, int64_t seeds);  // runs/MODEL-DATA-seeds0to2

// Trains with `seeds` seeds, that of the recipe and those after it, one after the other, in `folder`, which must not
// exist yet or be empty. Returns the exit code, as start_run does.
int train_seeds(const SwinRecipe& recipe, int64_t seeds, const std::filesystem::path& folder, const RunOrigin& origin);

// Whether it is such a folder, and to go on with it: with the run that was stopped, then those that are missing.
bool is_of_seeds(const std::filesystem::path& folder);
int resume_seeds(const std::filesystem::path& folder, const ResumeOptions& options);

}  // namespace swingrad

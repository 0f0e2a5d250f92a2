// A whole run: data in, epochs, checkpoints, log, and at the very end the test images.
#pragma once

#include "train/loop/swin_recipe.h"

#include <filesystem>

namespace swingrad {

// runs/<model>-<data kind>-seed<k>
std::filesystem::path default_run_folder(const SwinRecipe& recipe);

// Trains by `recipe` in `folder`, which must not exist yet or be empty. Returns the exit code: 0, or exit_interrupted()
// where the user stopped it, with all that is needed to go on saved.
int start_run(const SwinRecipe& recipe, const std::filesystem::path& folder);

// Goes on with the run in `folder` as if it had never stopped.
int resume_run(const std::filesystem::path& folder);

}  // namespace swingrad

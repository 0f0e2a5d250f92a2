// A whole run: data in, epochs, checkpoints, log, and at the very end the test images.
#pragma once

#include "train/loop/swin_recipe.h"
#include "train/program/console/resume_changes.h"
#include "train/transfer/hub_folder.h"

#include <filesystem>
#include <optional>
#include <string>

namespace swingrad {

// runs/<model>-<data kind>-seed<k>
std::filesystem::path default_run_folder(const SwinRecipe& recipe);

// Where a run's settings come from.
struct RunOrigin {
    std::string recipe = {};              // the name or path given with --recipe, for its config.json
    std::optional<ModelCard> model = {};  // of what the recipe's init names: images are normalised as that one saw them
};

// Trains by `recipe` in `folder`, which must not exist yet or be empty. Returns the exit code: 0, or exit_interrupted()
// where the user stopped it, with all that is needed to go on saved.
int start_run(const SwinRecipe& recipe, const std::filesystem::path& folder, const RunOrigin& origin = {});

// Writes the first batch of a training by `recipe` as a PNG file: what the model would see. Trains nothing.
void show_batch(const SwinRecipe& recipe, const std::filesystem::path& file);

// Goes on with the run in `folder` as if it had never stopped. Throws an Error that says what differs where the images
// are not those it began with, unless the model fits them and `accept_other_data`; what is so from now on is written to
// its config.json.
struct ResumeOptions {
    std::string data = {};  // where the images lie now, as --data names it; empty: where they lay
    bool accept_other_data = false;
    ResumeChanges changes = {};
};
int resume_run(const std::filesystem::path& folder, const ResumeOptions& options = {});

}  // namespace swingrad

// The phases of a Swin's run (train/loop/progressive/phases.h), by its recipe.
#pragma once

#include "models/nn/module.h"
#include "train/loop/progressive/phases.h"
#include "train/loop/swin_recipe.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace swingrad {

// None without --progressive. Where epochs were raised, the phases end where they did, and the last one goes on. Throws
// a UsageError where they cannot be, among others for several processes.
std::vector<Phase> phases_of_run(const SwinRecipe& recipe, const SwinConfig& model,
                                 const std::vector<int64_t>& epochs_before = {});

// What a phase's images are augmented by: crops out of a border are shorter, as the images are.
SwinRecipe recipe_of_phase(const SwinRecipe& recipe, const Phase& phase);

// The model of the phase that a file after so many epochs, and batches of the next one, is of. Empty for no phases.
using ModelAtPlace = std::function<std::unique_ptr<Module>(int64_t epoch, int64_t batch)>;
ModelAtPlace model_at_place(const std::vector<Phase>& phases);

// A phase in words, and for a line of the log.
std::string text_of_phase(const std::vector<Phase>& phases, size_t index);
std::string sizes_text(const Phase& phase);         // "16 x 16 in patches of 2 x 2"
nlohmann::json sizes_of_phase(const Phase& phase);  // {"img_size": 16, "patch_size": 2}

// How long epochs up to the run's end take once so many are done, in epochs of the phase `index`, by the model's
// multiply-adds.
double epochs_to_go(const std::vector<Phase>& phases, size_t index, int64_t done);

}  // namespace swingrad

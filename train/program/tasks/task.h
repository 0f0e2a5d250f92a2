// What a Swin is trained for, as --task says: its model, what it learns from, what is made smaller, and what of it is
// shown. Everything else of a run (steps, checkpoints, resuming, averages, the log) is the same for all.
//
// Another task is a file here, its name in task.cpp, and what of a recipe it needs in train/loop/swin_recipe.cpp.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/dataset.h"
#include "train/data/samples.h"
#include "train/loop/evaluate.h"
#include "train/loop/swin_recipe.h"
#include "train/program/images/predict_pictures.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace swingrad {

// A trained model and how it sees pictures, for what depends on the task.
struct TrainedSwin {
    SwinRecipe recipe;
    PictureInput input;
    std::vector<std::string> classes;  // names, in label order
    Module& model;
    const Parameters& parameters;
};

class Task {
  public:
    virtual ~Task() = default;

    // Declared, not allocated. Throws a UsageError where the recipe asks for what this model cannot be.
    virtual std::unique_ptr<Module> model(const SwinRecipe& recipe, const SwinConfig& config) const = 0;
    // What training makes smaller, and what evaluation says. Empty: cross entropy, smoothed in training.
    virtual Loss loss_of_training(const SwinRecipe&) const { return {}; }
    virtual Loss loss_of_judging(const SwinRecipe&) const { return {}; }
    // Whether images come with masks: a class for each pixel.
    virtual bool has_masks() const { return false; }

    // Images as samples: augmented, or as they are. A dataset that is moved in is kept; any other must outlive them.
    virtual std::unique_ptr<Samples> to_train(const Dataset& data, const SwinRecipe& recipe,
                                              const Normalisation& normalisation) const = 0;
    virtual std::unique_ptr<Samples> to_judge(const Dataset& data, const SwinRecipe& recipe,
                                              const Normalisation& normalisation,
                                              const Preparation& preparation) const = 0;
    virtual std::unique_ptr<Samples> to_judge(Dataset&& data, const SwinRecipe& recipe,
                                              const Normalisation& normalisation,
                                              const Preparation& preparation) const = 0;

    // What the report adds about samples that were judged, as HTML. The parameters are those that were judged.
    virtual std::string html_of_judged(const TrainedSwin&, const Samples&, const Evaluation&) const { return ""; }
    // The command predict: what it says of each picture, as predict_pictures does. `output`: the folder for what is
    // drawn; may be empty.
    virtual int predict(const TrainedSwin& trained, const PictureFlags& flags,
                        const std::filesystem::path& output) const = 0;
};

// "classification", "segmentation", "simmim". Any other is an Error.
const Task& task_named(const std::string& name);

// Each in a file of its own.
const Task& classification_task();
const Task& segmentation_task();
const Task& simmim_task();

}  // namespace swingrad

// What a run of a program of one's own has saved: config.json, with the recipe's settings at top level and the rest
// under "derived", and weights.
#pragma once

#include "models/nn/parameters.h"
#include "train/data/batch.h"
#include "train/program/own/own_commands.h"
#include "train/program/run/run_folder.h"

#include <string>
#include <vector>

namespace swingrad {

// The file of a run that the program made, with "derived" an object. Throws an Error where it is none, or another's.
nlohmann::json read_own_config(const Program& program, const RunFolder& folder);
// Of what read_own_config gives. Throws an Error, of the recipe a UsageError, naming what is missing or wrong.
Recipe recipe_in(nlohmann::json config, const RunFolder& folder);
SourceFlags source_in(const nlohmann::json& config, const RunFolder& folder);
// The mark of the run's files (train/program/run/belonging.h); null in runs of version 0.1.
nlohmann::json identity_in(const nlohmann::json& config, const RunFolder& folder);

// How many epochs the run had before they were raised; none where they were not.
std::vector<int64_t> epochs_before_in(const nlohmann::json& config, const RunFolder& folder);

// How a picture becomes an input of the run's model, and what its outputs are called.
struct PicturesLearnt {
    PictureInput input;
    std::vector<std::string> classes;
};
// Notes that under "derived", as "pictures" and "classes", where the samples are images and say it.
void note_pictures(const Samples& samples, nlohmann::json& derived);
// What was noted. Throws an Error that says what is missing where nothing was.
PicturesLearnt pictures_in(const Program& program, const nlohmann::json& config, const RunFolder& folder);

// The program's model with the weights of a file, in evaluation. Warns where the file carries no checksum.
struct LoadedModel {
    std::unique_ptr<Module> model;
    Parameters parameters;

    LoadedModel(const Program& program, const std::filesystem::path& weights, DType dtype, Device device,
                Gradients gradients = Gradients::no);
};

}  // namespace swingrad

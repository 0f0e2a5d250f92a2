// A model as hubs keep it: a folder with config.json and model.safetensors, as timm and transformers write them.
#pragma once

#include "models/hub/write_config.h"
#include "models/nn/parameters.h"
#include "train/data/batch.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace swingrad {

// What is known of a model beside its weights.
struct ModelCard {
    SwinConfig model;
    std::optional<Normalisation> normalisation = {};  // of the images that it learnt from
    std::optional<Fitting> fitting = {};              // how these are brought to its size
    std::vector<std::string> classes = {};            // names in label order; empty where they are not known
};

// Whether there is a config.json of timm or transformers in it.
bool is_hub_folder(const std::filesystem::path& folder);

// Reads config.json, and of transformers preprocessor_config.json where there is one. Throws an Error that names the
// file where it is of another network, has a setting that Swin has not here, or one of a wrong kind.
ModelCard read_hub_folder(const std::filesystem::path& folder);

// Makes the folder, with the model's weights in float32; it must not exist, or be empty. Whatever happens it is there
// as a whole or not at all. Throws an Error that names what the library does not know. Returns what is lost with it,
// for people: what it knows of a model and computes nothing from.
std::vector<std::string> write_hub_folder(const std::filesystem::path& folder, Hub hub, const ModelCard& card,
                                          const Parameters& parameters);

}  // namespace swingrad

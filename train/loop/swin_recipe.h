// SwinRecipe: what a training of a Swin on images has besides the settings of any training: the images, how they are
// augmented, and the architecture.
#pragma once

#include "models/swin/config.h"
#include "train/loop/recipe.h"

namespace swingrad {

struct SwinRecipe : Recipe {
    std::string data = "shapes";
    std::string model = "nano";
    nlohmann::json model_args = nlohmann::json::object();  // what differs from the named model; see model_of
    int64_t img_size = 32;
    double drop_path = 0.1;
    int64_t crop_padding = 4;
    double flip = 0.5;
    double validation = 0.1;
    bool ignore_exif = false;
    bool skip_broken = false;
};

Settings settings_of(SwinRecipe& recipe);
nlohmann::json to_json(const SwinRecipe& recipe);

inline void update(SwinRecipe& recipe, const nlohmann::json& values, const std::string& from) {
    update(settings_of(recipe), values, from);
}

// The named model with model_args, the recipe's image size and drop path, and so many classes. Throws a UsageError.
SwinConfig model_of(const SwinRecipe& recipe, int64_t classes);

// Throws a UsageError naming the first setting outside its range. Models and data name themselves on loading.
void validate(const SwinRecipe& recipe);

}  // namespace swingrad

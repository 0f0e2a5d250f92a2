// SwinRecipe: what a training of a Swin on images has besides the settings of any training: the images, how they are
// augmented, and the architecture.
#pragma once

#include "models/swin/config.h"
#include "train/data/batch.h"
#include "train/loop/recipe.h"

namespace swingrad {

struct SwinRecipe : Recipe {
    std::string data = "shapes";
    std::string model = "nano";
    std::string task = "classification";  // train/program/tasks
    std::string head = "sum";             // of segmentation: models/segmentation
    int64_t head_width = 64;
    int64_t mask_patch_size = 0;  // of simmim: models/simmim, with the names of its authors
    double mask_ratio = 0.6;
    bool norm_target = false;
    int64_t norm_target_patch_size = 47;
    nlohmann::json model_args = nlohmann::json::object();  // what differs from the named model; see model_of
    int64_t img_size = 32;
    double drop_path = 0.1;
    int64_t crop_padding = 4;
    double flip = 0.5;
    double validation = 0.1;
    bool ignore_exif = false;
    bool skip_broken = false;

    // Pictures of any size, with timm's names.
    std::string train_crop_mode = "auto";
    std::array<double, 2> scale = ResizedCrop{}.scale, ratio = ResizedCrop{}.ratio;
    std::string interpolation = "bicubic";
    double crop_pct = 1;
    std::string crop_mode = "center";
    std::string cache = "auto";
    int64_t workers = 4;

    // Augmentation, with timm's names.
    bool alternate_flip = false;
    std::string aa = {};
    double color_jitter = 0;
    double reprob = 0;
    std::string remode = "pixel";
    int64_t recount = 1;
    double mixup = 0, cutmix = 0;
    double mixup_prob = 1, mixup_switch_prob = 0.5;
    std::string mixup_mode = "batch";
    int64_t aug_repeats = 0;

    bool tta = false;  // the test at the end also with mirror images, told apart
    // Phases with smaller images or larger patches that come before the model itself (train/loop/progressive/phases.h).
    std::string progressive = {};
    bool probe = false;  // trains the classifier alone, on features that are computed once (train/transfer/features.h)
};

Settings settings_of(SwinRecipe& recipe);
nlohmann::json to_json(const SwinRecipe& recipe);

inline void update(SwinRecipe& recipe, const nlohmann::json& values, const std::string& from) {
    update(settings_of(recipe), values, from);
}

// The named model with model_args, the recipe's image size and drop path, and so many classes. Throws a UsageError.
SwinConfig model_of(const SwinRecipe& recipe, int64_t classes);

// What a recipe that validate() passes says of images. `any_size`: some have not the model's size, so that with
// train_crop_mode "auto" crops are resized.
Augmentation augmentation_of(const SwinRecipe& recipe, const Normalisation& normalisation, bool any_size);
Preparation preparation_of(const SwinRecipe& recipe);

// Those of Recipe, and of a Swin's images.
std::vector<Need> needs_of_flags(const SwinRecipe& recipe);

// The pixels an axis of what --task simmim hides as one; 0 in the recipe: those of a token of the last stage.
int64_t mask_patch_of(const SwinRecipe& recipe, const SwinConfig& model);

// Throws a UsageError naming the first setting outside its range. Models and data name themselves on loading.
void validate(const SwinRecipe& recipe);

}  // namespace swingrad

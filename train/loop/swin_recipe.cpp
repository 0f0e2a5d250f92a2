#include "train/loop/swin_recipe.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"

namespace swingrad {

Settings settings_of(SwinRecipe& r) {
    Settings all{
        {"data", &r.data, "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR"},
        {"model", &r.model, "model by name; see swingrad summary --help"},
        {"model-args", &r.model_args, "JSON object of what differs from the model, named as in models/swin/config.h"},
        {"img-size", &r.img_size, "rows and columns of the images; shapes are drawn at it, files must have it"},
    };
    const Settings of_any_training = settings_of(static_cast<Recipe&>(r));
    all.insert(all.end(), of_any_training.begin(), of_any_training.end());
    const Settings of_images{
        {"drop-path", &r.drop_path, "drop-path rate of the last block, rising linearly from 0"},
        {"crop-padding", &r.crop_padding, "random crops out of images padded by so many pixels"},
        {"flip", &r.flip, "probability of a horizontal flip"},
        {"validation", &r.validation,
         "share of the training images that chooses the checkpoint; 0: the last one counts"},
        {"ignore-exif", &r.ignore_exif, "take pictures as they lie in their files, not turned upright as EXIF says"},
        {"skip-broken", &r.skip_broken, "leave out files that are no pictures or damaged ones, and list them"},
    };
    all.insert(all.end(), of_images.begin(), of_images.end());
    return all;
}

nlohmann::json to_json(const SwinRecipe& recipe) {
    SwinRecipe copy = recipe;
    return to_json(settings_of(copy));
}

SwinConfig model_of(const SwinRecipe& recipe, int64_t classes) {
    SwinConfig config;
    try {
        config = named_config(recipe.model);
        config.img_size = {recipe.img_size, recipe.img_size};
        config.drop_path_rate = recipe.drop_path;
        config.num_classes = classes;
        return config_from_json(recipe.model_args, config);
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
}

void validate(const SwinRecipe& recipe) {
    require_one_of(config_names(), "model", recipe.model);
    for (const auto& [key, from] : {std::pair{"img_size", "--img-size"},
                                    {"drop_path_rate", "--drop-path"},
                                    {"num_classes", "--data"},
                                    {"in_chans", "images, which have 3"}})
        if (recipe.model_args.contains(key))
            fail_usage("model-args: {} {} comes from {}", key, json_text(recipe.model_args[key]), from);
    if (!is_utf8(recipe.data))
        fail_usage("--data {} is not UTF-8, as the JSON of a run's folder must be: rename it", in_quotes(recipe.data));
    require(recipe.img_size >= 1 && recipe.img_size <= 16384, "img-size", "1 to 16384", recipe.img_size);
    require(recipe.drop_path >= 0 && recipe.drop_path < 1, "drop-path", "in [0, 1)", recipe.drop_path);
    require(recipe.crop_padding >= 0 && recipe.crop_padding <= 1024, "crop-padding", "0 to 1024", recipe.crop_padding);
    require(recipe.flip >= 0 && recipe.flip <= 1, "flip", "in [0, 1]", recipe.flip);
    require(recipe.validation >= 0 && recipe.validation < 1, "validation", "in [0, 1)", recipe.validation);
    validate(static_cast<const Recipe&>(recipe));
}

}  // namespace swingrad

#include "train/loop/recipe.h"

#include "core/io/suggest.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace swingrad {
namespace {

const char* kind_of(const std::string&) { return "a text"; }
const char* kind_of(int64_t) { return "a whole number"; }
const char* kind_of(double) { return "a number"; }
const char* kind_of(const nlohmann::json&) { return "an object"; }

bool holds(const nlohmann::json& value, const std::string&) { return value.is_string(); }
bool holds(const nlohmann::json& value, int64_t) { return value.is_number_integer(); }
bool holds(const nlohmann::json& value, double) { return value.is_number(); }
bool holds(const nlohmann::json& value, const nlohmann::json&) { return value.is_object(); }

template <class T>
void assign(const nlohmann::json& value, T& setting) {
    value.get_to(setting);
}
void assign(const nlohmann::json& value, nlohmann::json& setting) {
    for (const auto& [key, one] : value.items()) {
        std::string name = key;  // hyphens as in flags, underscores as in timm
        std::replace(name.begin(), name.end(), '-', '_');
        setting[name] = one;
    }
}

// Whether a setting is within its range: if not, says what it should have been.
void require(bool fits, const char* flag, const char* range, const auto& value) {
    if (!fits) fail_usage("--{} must be {}, got {}", flag, range, value);
}

void require_one_of(const std::vector<std::string>& possible, const char* flag, const std::string& value) {
    if (std::find(possible.begin(), possible.end(), value) != possible.end()) return;
    fail_usage("unknown --{} \"{}\": {}", flag, value, suggestion(value, possible));
}

}  // namespace

nlohmann::json to_json(const Recipe& recipe) {
    nlohmann::json settings;
    for_each_setting(recipe, [&](const char* name, const auto& value, const char*) { settings[name] = value; });
    return settings;
}

void update(Recipe& recipe, const nlohmann::json& settings, const std::string& from) {
    if (!settings.is_object()) fail_usage("{} must hold a JSON object of settings, got {}", from, settings.type_name());
    for (const auto& item : settings.items()) {
        const std::string& key = item.key();
        const nlohmann::json& value = item.value();
        std::string wanted = key;
        std::replace(wanted.begin(), wanted.end(), '_', '-');
        if (wanted == "smoothing") wanted = "label-smoothing";  // its name until version 0.2
        bool known = false;
        std::vector<std::string> names;
        for_each_setting(recipe, [&](const char* name, auto& setting, const char*) {
            names.emplace_back(name);
            if (wanted != name) return;
            known = true;
            if (!holds(value, setting))
                fail_usage("{}: {} must be {}, got {}", from, nlohmann::json(key).dump(), kind_of(setting),
                           value.dump());
            assign(value, setting);
        });
        if (!known) fail_usage("{}: unknown key {}; {}", from, nlohmann::json(key).dump(), suggestion(key, names));
    }
}

SwinConfig model_of(const Recipe& recipe, int64_t classes) {
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

void validate(const Recipe& recipe) {
    require_one_of(config_names(), "model", recipe.model);
    require_one_of({"adamw", "sgd"}, "opt", recipe.opt);
    for (const auto& [key, from] : {std::pair{"img_size", "--img-size"},
                                    {"drop_path_rate", "--drop-path"},
                                    {"num_classes", "--data"},
                                    {"in_chans", "images, which have 3"}})
        if (recipe.model_args.contains(key))
            fail_usage("model-args: {} {} comes from {}", key, recipe.model_args[key].dump(), from);
    check_names(recipe.device, recipe.precision);
    require(recipe.img_size >= 1 && recipe.img_size <= 16384, "img-size", "1 to 16384", recipe.img_size);
    require(recipe.epochs >= 1 && recipe.epochs <= 1'000'000, "epochs", "1 to 1000000", recipe.epochs);
    require(recipe.batch_size >= 1 && recipe.batch_size <= 1'000'000, "batch-size", "1 to 1000000", recipe.batch_size);
    require(std::isfinite(recipe.lr) && recipe.lr > 0, "lr", "above 0", recipe.lr);
    require(std::isfinite(recipe.weight_decay) && recipe.weight_decay >= 0, "weight-decay", "0 or more",
            recipe.weight_decay);
    require(recipe.momentum >= 0 && recipe.momentum < 1, "momentum", "in [0, 1)", recipe.momentum);
    require(recipe.warmup_epochs >= 0 && recipe.warmup_epochs <= 1e6, "warmup-epochs", "0 to 1000000",
            recipe.warmup_epochs);
    require(recipe.label_smoothing >= 0 && recipe.label_smoothing < 1, "label-smoothing", "in [0, 1)",
            recipe.label_smoothing);
    require(std::isfinite(recipe.clip_grad) && recipe.clip_grad >= 0, "clip-grad", "0 or more", recipe.clip_grad);
    require(recipe.drop_path >= 0 && recipe.drop_path < 1, "drop-path", "in [0, 1)", recipe.drop_path);
    require(recipe.crop_padding >= 0 && recipe.crop_padding <= 1024, "crop-padding", "0 to 1024", recipe.crop_padding);
    require(recipe.flip >= 0 && recipe.flip <= 1, "flip", "in [0, 1]", recipe.flip);
    require(recipe.validation >= 0 && recipe.validation < 1, "validation", "in [0, 1)", recipe.validation);
    require(recipe.seed >= 0, "seed", "0 or more", recipe.seed);
    require(recipe.checkpoint_every >= 0 && recipe.checkpoint_every <= 1'000'000'000, "checkpoint-every",
            "0 to 1000000000", recipe.checkpoint_every);
    require(recipe.keep_every >= 0 && recipe.keep_every <= 1'000'000, "keep-every", "0 to 1000000", recipe.keep_every);
    require_one_of({"stop", "skip"}, "on-nan", recipe.on_nan);
}

}  // namespace swingrad

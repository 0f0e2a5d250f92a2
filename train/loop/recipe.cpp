#include "train/loop/recipe.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/suggest.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace swingrad {
namespace {

const char* kind_of(const std::string&) { return "a text"; }
const char* kind_of(int64_t) { return "a whole number"; }
const char* kind_of(double) { return "a number"; }
const char* kind_of(bool) { return "true or false"; }
const char* kind_of(const std::array<double, 2>&) { return "two numbers"; }
const char* kind_of(const nlohmann::json&) { return "an object"; }

bool holds(const nlohmann::json& value, const std::string&) { return value.is_string(); }
bool holds(const nlohmann::json& value, int64_t) { return is_int64(value); }
bool holds(const nlohmann::json& value, double) { return value.is_number(); }
bool holds(const nlohmann::json& value, bool) { return value.is_boolean(); }
bool holds(const nlohmann::json& value, const std::array<double, 2>&) {
    return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
}
bool holds(const nlohmann::json& value, const nlohmann::json&) { return value.is_object(); }

template <class T>
void assign(const nlohmann::json& value, T& setting) {
    value.get_to(setting);
}
void assign(const nlohmann::json& value, nlohmann::json& setting) {
    std::map<std::string, std::string> seen;
    for (const auto& [key, one] : value.items()) {
        std::string name = key;  // hyphens as in flags, underscores as in timm
        std::replace(name.begin(), name.end(), '-', '_');
        const auto [before, fresh] = seen.emplace(name, key);
        if (!fresh) fail_usage("{} and {} are one setting, given twice", in_quotes(before->second), in_quotes(key));
        setting[name] = one;
    }
}

}  // namespace

void require_one_of(const std::vector<std::string>& possible, const char* flag, const std::string& value) {
    if (std::find(possible.begin(), possible.end(), value) != possible.end()) return;
    fail_usage("unknown --{} \"{}\": {}", flag, value, suggestion(value, possible));
}

Settings settings_of(Recipe& r) {
    return {
        {"epochs", &r.epochs, "passes over the training set"},
        {"batch-size", &r.batch_size, "samples a step (also --batch)"},
        {"opt", &r.opt, "optimiser: adamw | sgd"},
        {"lr", &r.lr, "highest learning rate, reached at the end of the warm-up"},
        {"weight-decay", &r.weight_decay, "weight decay, of weight matrices and embeddings"},
        {"momentum", &r.momentum, "momentum of sgd"},
        {"warmup-epochs", &r.warmup_epochs, "epochs in which the learning rate rises"},
        {"label-smoothing", &r.label_smoothing, "share of a target that is spread over all classes"},
        {"clip-grad", &r.clip_grad, "largest norm of the gradient; 0: not clipped"},
        {"seed", &r.seed, "of everything random"},
        {"precision", &r.precision, precision_help},
        {"device", &r.device, device_help},
        {"checkpoint-every", &r.checkpoint_every, "steps between checkpoints within an epoch; 0: after every epoch"},
        {"keep-every", &r.keep_every, "epochs between weights that are kept, as epoch-0010.safetensors; 0: none"},
        {"on-nan", &r.on_nan, "a step whose loss or gradient is not finite: stop | skip"},
        {"init", &r.init, "begin from the weights of a run, a .safetensors file or a hub's folder: what fits is taken"},
        {"freeze", &r.freeze,
         "patterns of parameters or modules not to train, as fnmatch has them: patch_embed,layers.0.*"},
    };
}

nlohmann::json to_json(const Settings& settings) {
    nlohmann::json values = nlohmann::json::object();  // not null, as in save_run
    for (const Setting& setting : settings)
        std::visit([&](const auto* value) { values[setting.name] = *value; }, setting.value);
    return values;
}

nlohmann::json to_json(const Recipe& recipe) {
    Recipe copy = recipe;
    return to_json(settings_of(copy));
}

void update(const Settings& settings, const nlohmann::json& values, const std::string& from) {
    if (!values.is_object()) fail_usage("{} must hold a JSON object of settings, got {}", from, values.type_name());
    std::vector<std::string> names;
    for (const Setting& setting : settings) names.emplace_back(setting.name);
    std::map<std::string, std::string> seen;  // the setting's name, and how it was written
    for (const auto& item : values.items()) {
        const std::string& key = item.key();
        const nlohmann::json& value = item.value();
        std::string wanted = key;
        std::replace(wanted.begin(), wanted.end(), '_', '-');
        if (wanted == "smoothing") wanted = "label-smoothing";  // its name until version 0.2
        const auto setting =
            std::find_if(settings.begin(), settings.end(), [&](const Setting& one) { return wanted == one.name; });
        if (setting == settings.end())
            fail_usage("{}: unknown key {}; {}", from, in_quotes(key), suggestion(key, names));
        const auto [before, fresh] = seen.emplace(wanted, key);
        if (!fresh)
            fail_usage("{}: {} and {} are one setting, given twice", from, in_quotes(before->second), in_quotes(key));
        std::visit(
            [&](auto* to) {
                if constexpr (std::is_same_v<decltype(to), int64_t*>)
                    if (value.is_number_integer() && !is_int64(value))
                        fail_usage("{}: {} must be at most {}, got {}", from, in_quotes(key), INT64_MAX,
                                   json_text(value));
                if (!holds(value, *to))
                    fail_usage("{}: {} must be {}, got {}", from, in_quotes(key), kind_of(*to), json_text(value));
                assign(value, *to);
            },
            setting->value);
    }
}

void validate(const Recipe& recipe) {
    require_one_of({"adamw", "sgd"}, "opt", recipe.opt);
    check_names(recipe.device, recipe.precision);
    require(recipe.epochs >= 1 && recipe.epochs <= 1'000'000, "epochs", "1 to 1000000", recipe.epochs);
    require(recipe.batch_size >= 1 && recipe.batch_size <= 1'000'000, "batch-size", "1 to 1000000", recipe.batch_size);
    require(recipe.lr > 0 && recipe.lr <= 1e30, "lr", "above 0 and at most 1e30", recipe.lr);
    require(recipe.weight_decay >= 0 && recipe.weight_decay <= 1e6, "weight-decay", "0 to 1000000",
            recipe.weight_decay);
    require(recipe.momentum >= 0 && recipe.momentum < 1, "momentum", "in [0, 1)", recipe.momentum);
    require(recipe.warmup_epochs >= 0 && recipe.warmup_epochs <= 1e6, "warmup-epochs", "0 to 1000000",
            recipe.warmup_epochs);
    require(recipe.label_smoothing >= 0 && recipe.label_smoothing < 1, "label-smoothing", "in [0, 1)",
            recipe.label_smoothing);
    require(recipe.clip_grad >= 0 && recipe.clip_grad <= 1e30, "clip-grad", "0 to 1e30", recipe.clip_grad);
    require(recipe.seed >= 0, "seed", "0 or more", recipe.seed);
    require(recipe.checkpoint_every >= 0 && recipe.checkpoint_every <= 1'000'000'000, "checkpoint-every",
            "0 to 1000000000", recipe.checkpoint_every);
    require(recipe.keep_every >= 0 && recipe.keep_every <= 1'000'000, "keep-every", "0 to 1000000", recipe.keep_every);
    require_one_of({"stop", "skip"}, "on-nan", recipe.on_nan);
}

}  // namespace swingrad

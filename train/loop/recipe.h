// Recipe: every number of a training, of any model, under the names of the command's flags.
//
// One list gives each setting its name and its line of help. Flags, the keys of a config file and the config.json of a
// run's folder all come from it, so they cannot drift apart. A Swin learning images has more: train/loop/swin_recipe.h.
#pragma once

#include "train/loop/device.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace swingrad {

struct Recipe {
    int64_t epochs = 20;
    int64_t batch_size = 128;
    std::string opt = "adamw";
    double lr = 1e-3;
    double weight_decay = 0.05;
    double momentum = 0.9;
    double warmup_epochs = 1;
    double label_smoothing = 0.1;
    double clip_grad = 0;
    int64_t seed = 0;
    std::string precision = "f32";
    std::string device = "cpu";
    int64_t checkpoint_every = 0;
    int64_t keep_every = 0;
    std::string on_nan = "stop";

    // Optimisation, with timm's names.
    std::string clip_mode = "norm";
    std::string sched = "cosine";
    double warmup_lr = 0, min_lr = 0;
    double cooldown_epochs = 0, decay_epochs = 90, decay_rate = 0.1;
    double layer_decay = 1;
    int64_t grad_accum_steps = 1;
    int64_t micro_batches = 0;
    bool model_ema = false;
    double model_ema_decay = 0.9998;
    bool model_ema_warmup = false;
    // How it ends and what it tells. No epoch computes anything else for it, so a resumed run may have others.
    int64_t early_stop = 0;
    bool tensorboard = false;
    // Of several ranks (train/ranks/README.md).
    int64_t zero = 0;
    std::string reduce = "ordered";
    // Weights of before (train/transfer/initial_weights.h), and what of the model is not trained (models/nn/freeze.h).
    std::string init = {};
    std::string freeze = {};
};

// One setting: its name as a flag and as a key, its line of help, and where its value is.
struct Setting {
    const char* name;
    std::variant<std::string*, int64_t*, double*, bool*, std::array<double, 2>*, nlohmann::json*> value;
    const char* help;
};
using Settings = std::vector<Setting>;

Settings settings_of(Recipe& recipe);

// What a user gave that cannot be: a flag, a key of a config file, a value. The program exits with 2, not 1.
class UsageError : public Error {
  public:
    using Error::Error;
};

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
    throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// An object of names and values.
nlohmann::json to_json(const Settings& settings);
nlohmann::json to_json(const Recipe& recipe);

// Replaces the settings that `values` names, and of one that is an object the keys it names; `from` names their source
// in messages. An underscore in a key counts as a hyphen; "smoothing" is label-smoothing's old name. Throws a
// UsageError on an unknown key or a value of the wrong type.
void update(const Settings& settings, const nlohmann::json& values, const std::string& from);
inline void update(Recipe& recipe, const nlohmann::json& values, const std::string& from) {
    update(settings_of(recipe), values, from);
}

// In how many parts a batch is computed, each by itself, whose gradients are added (train/optim/mean_gradient.h): the
// recipe's micro_batches, or where that is 0, and the batch can be halved so often, up to 4 of at least 16 samples, up
// to 16 of at least 32; on a GPU, which one part keeps busy, 1. `whole`: of a model that keeps statistics of the
// samples it sees together, 1. Throws a UsageError where the recipe says otherwise.
int64_t micro_batches_of(const Recipe& recipe, bool whole);

// For checks of settings: throw a UsageError unless the setting fits, or is one of those possible.
void require(bool fits, const char* flag, const char* range, const auto& value) {
    if (!fits) fail_usage("--{} must be {}, got {}", flag, range, value);
}
void require_one_of(const std::vector<std::string>& possible, const char* flag, const std::string& value);

// A setting that does nothing unless another is so.
struct Need {
    const char* setting;
    bool met;
    const char* what;  // "--sched step"
};
// Throws a UsageError that names the first of the `chosen` settings that is not its default although its need is not
// met: it would be passed over in silence.
void refuse_idle(const nlohmann::json& chosen, const nlohmann::json& defaults, const std::vector<Need>& needs);
// For what was given as flags: a recipe or a config file may hold a setting that flags have made idle.
std::vector<Need> needs_of_flags(const Recipe& recipe);

// Throws a UsageError naming the first setting outside its range, or the first that contradicts another.
void validate(const Recipe& recipe);

}  // namespace swingrad

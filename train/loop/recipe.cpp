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
        {"opt", &r.opt, "optimiser: adamw | sgd | muon, for matrices, and adamw for the rest"},
        {"lr", &r.lr, "highest learning rate, reached at the end of the warm-up"},
        {"weight-decay", &r.weight_decay, "weight decay, of weight matrices and embeddings"},
        {"momentum", &r.momentum, "momentum of sgd and of muon"},
        {"warmup-epochs", &r.warmup_epochs, "epochs in which the learning rate rises"},
        {"label-smoothing", &r.label_smoothing, "share of a target that is spread over all classes"},
        {"clip-grad", &r.clip_grad, "what the gradient is clipped to, by --clip-mode; 0: not clipped"},
        {"seed", &r.seed, "of everything random"},
        {"precision", &r.precision, precision_help},
        {"device", &r.device, device_help},
        {"checkpoint-every", &r.checkpoint_every, "steps between checkpoints within an epoch; 0: after every epoch"},
        {"keep-every", &r.keep_every, "epochs between weights that are kept, as epoch-0010.safetensors; 0: none"},
        {"on-nan", &r.on_nan, "a step whose loss or gradient is not finite: stop | skip"},
        {"clip-mode", &r.clip_mode,
         "--clip-grad bounds: norm, of all gradients | value, of each element | agc, a row's norm over its weights'"},
        {"sched", &r.sched, "the rate after the warm-up: cosine | step | onecycle | constant"},
        {"warmup-lr", &r.warmup_lr, "learning rate from which the warm-up rises"},
        {"min-lr", &r.min_lr, "learning rate to which cosine and onecycle fall, and that step keeps above"},
        {"cooldown-epochs", &r.cooldown_epochs, "of --epochs so many at the end, with the rate --min-lr"},
        {"decay-epochs", &r.decay_epochs, "of --sched step: epochs between one step and the next"},
        {"decay-rate", &r.decay_rate, "of --sched step: what the rate is multiplied by"},
        {"layer-decay", &r.layer_decay, "each layer learns at so much of the rate of the one above it; 1: all alike"},
        {"grad-accum-steps", &r.grad_accum_steps, "batches whose mean gradient makes a step"},
        {"micro-batches", &r.micro_batches,
         "parts that a batch is computed in, several at once; 0: chosen by its size, and noted in config.json"},
        {"model-ema", &r.model_ema, "average the weights over steps: they are validated, best and the result"},
        {"model-ema-decay", &r.model_ema_decay, "what a step keeps of the averaged weights"},
        {"model-ema-warmup", &r.model_ema_warmup, "keep less of the average at first: 1 - t^(-2/3) at step t"},
        {"early-stop", &r.early_stop,
         "end after so many epochs in a row that validation finds no better than the best; 0: never"},
        {"tensorboard", &r.tensorboard, "write event files for TensorBoard into the run's folder"},
        {"zero", &r.zero, "of several processes: 1: each keeps a part of the optimiser's memory; 0: all of it"},
        {"reduce", &r.reduce,
         "how processes add gradients up: ordered, with the bits of one | fast, with less to send, and others"},
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

void refuse_idle(const nlohmann::json& chosen, const nlohmann::json& defaults, const std::vector<Need>& needs) {
    for (const Need& need : needs)
        if (!need.met && chosen.contains(need.setting) && chosen[need.setting] != defaults[need.setting])
            fail_usage("--{}{} does nothing without {}", need.setting,
                       chosen[need.setting].is_boolean() ? "" : " " + json_text(chosen[need.setting]), need.what);
}

std::vector<Need> needs_of_flags(const Recipe& r) {
    const bool falls = r.sched == "cosine" || r.sched == "onecycle", steps = r.sched == "step";
    return {
        {"momentum", r.opt == "sgd" || r.opt == "muon", "--opt sgd or muon"},
        {"clip-mode", r.clip_grad > 0, "--clip-grad"},
        {"warmup-lr", r.warmup_epochs > 0, "--warmup-epochs"},
        {"min-lr", falls || steps, "--sched cosine, onecycle or step"},
        {"cooldown-epochs", falls && r.min_lr > 0, "--min-lr and --sched cosine or onecycle"},
        {"decay-epochs", steps, "--sched step"},
        {"decay-rate", steps, "--sched step"},
        {"model-ema-decay", r.model_ema, "--model-ema"},
        {"model-ema-warmup", r.model_ema, "--model-ema"},
    };
}

namespace {

void validate_optimisation(const Recipe& r) {
    require_one_of({"norm", "value", "agc"}, "clip-mode", r.clip_mode);
    require_one_of({"cosine", "step", "onecycle", "constant"}, "sched", r.sched);
    require(r.warmup_lr >= 0 && r.warmup_lr <= r.lr, "warmup-lr", "0 to --lr", r.warmup_lr);
    require(r.min_lr >= 0 && r.min_lr <= r.lr, "min-lr", "0 to --lr", r.min_lr);
    require(r.cooldown_epochs >= 0 && r.cooldown_epochs < static_cast<double>(r.epochs), "cooldown-epochs",
            "0 or more, and fewer than --epochs", r.cooldown_epochs);
    require(r.decay_epochs > 0 && r.decay_epochs <= 1e6, "decay-epochs", "above 0 and at most 1000000", r.decay_epochs);
    require(r.decay_rate > 0 && r.decay_rate <= 1, "decay-rate", "in (0, 1]", r.decay_rate);
    require(r.layer_decay > 0 && r.layer_decay <= 1, "layer-decay", "in (0, 1]", r.layer_decay);
    require(r.grad_accum_steps >= 1 && r.grad_accum_steps <= 1'000'000, "grad-accum-steps", "1 to 1000000",
            r.grad_accum_steps);
    require(r.micro_batches == 0 || (r.micro_batches > 0 && r.batch_size % r.micro_batches == 0), "micro-batches",
            fmt::format("a divisor of --batch-size {}, or 0", r.batch_size).c_str(), r.micro_batches);
    require(r.model_ema_decay >= 0 && r.model_ema_decay < 1, "model-ema-decay", "in [0, 1)", r.model_ema_decay);
}

}  // namespace

int64_t micro_batches_of(const Recipe& recipe, bool whole) {
    if (recipe.micro_batches > 0) {
        if (whole && recipe.micro_batches > 1)
            fail_usage("--micro-batches {}: a model with running statistics takes a batch whole", recipe.micro_batches);
        return recipe.micro_batches;
    }
    if (whole || recipe.device == "cuda") return 1;
    // A few for threads and processes, more where they are large: smaller ones cost time (tests/bench/README.md).
    const auto worth = [&](int64_t count) {
        const int64_t samples = recipe.batch_size / count;
        return recipe.batch_size % count == 0 && (count <= 4 ? samples >= 16 : count <= 16 && samples >= 32);
    };
    int64_t count = 1;
    while (worth(2 * count)) count *= 2;
    return count;
}

void validate(const Recipe& recipe) {
    require_one_of({"adamw", "sgd", "muon"}, "opt", recipe.opt);
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
    validate_optimisation(recipe);
    require(recipe.zero == 0 || recipe.zero == 1, "zero", "0 or 1", recipe.zero);
    if (recipe.zero == 1 && recipe.device != "cpu")
        fail_usage("--zero 1 is for --device cpu, got --device {}", recipe.device);
    require_one_of({"ordered", "fast"}, "reduce", recipe.reduce);
    require(recipe.early_stop >= 0 && recipe.early_stop <= 1'000'000, "early-stop", "0 to 1000000", recipe.early_stop);
}

}  // namespace swingrad

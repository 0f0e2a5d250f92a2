// Recipe: every number of a training run, under the names of the command's flags.
//
// One list, for_each_setting, gives each setting its name and its line of help. The flags of `swingrad train`, the
// keys of a config file and the config.json of a run's folder all come from it, so they cannot drift apart.
#pragma once

#include "models/swin/config.h"
#include "train/loop/device.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace swingrad {

struct Recipe {
    std::string data = "shapes";
    std::string model = "nano";
    nlohmann::json model_args = nlohmann::json::object();  // what differs from the named model; see model_of
    int64_t img_size = 32;
    int64_t epochs = 20;
    int64_t batch_size = 128;
    std::string opt = "adamw";
    double lr = 1e-3;
    double weight_decay = 0.05;
    double momentum = 0.9;
    double warmup_epochs = 1;
    double label_smoothing = 0.1;
    double clip_grad = 0;
    double drop_path = 0.1;
    int64_t crop_padding = 4;
    double flip = 0.5;
    double validation = 0.1;
    int64_t seed = 0;
    std::string precision = "f32";
    std::string device = "cpu";
    int64_t checkpoint_every = 0;
    int64_t keep_every = 0;
    std::string on_nan = "stop";
};

// Calls visit(name, value, help) for every setting of `recipe`, const or not.
template <class AnyRecipe, class Visit>
void for_each_setting(AnyRecipe& recipe, Visit&& visit) {
    visit("data", recipe.data, "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR");
    visit("model", recipe.model, "model by name; see swingrad summary --help");
    visit("model-args", recipe.model_args,
          "JSON object of what differs from the model, named as in models/swin/config.h");
    visit("img-size", recipe.img_size, "rows and columns of the images; shapes are drawn at it, files must have it");
    visit("epochs", recipe.epochs, "passes over the training set");
    visit("batch-size", recipe.batch_size, "images a step (also --batch)");
    visit("opt", recipe.opt, "optimiser: adamw | sgd");
    visit("lr", recipe.lr, "highest learning rate, reached at the end of the warm-up");
    visit("weight-decay", recipe.weight_decay, "weight decay, of the weights of linear layers and patches");
    visit("momentum", recipe.momentum, "momentum of sgd");
    visit("warmup-epochs", recipe.warmup_epochs, "epochs in which the learning rate rises");
    visit("label-smoothing", recipe.label_smoothing, "share of a target that is spread over all classes");
    visit("clip-grad", recipe.clip_grad, "largest norm of the gradient; 0: not clipped");
    visit("drop-path", recipe.drop_path, "drop-path rate of the last block, rising linearly from 0");
    visit("crop-padding", recipe.crop_padding, "random crops out of images padded by so many pixels");
    visit("flip", recipe.flip, "probability of a horizontal flip");
    visit("validation", recipe.validation,
          "share of the training set that chooses the checkpoint; 0: the last one counts");
    visit("seed", recipe.seed, "of everything random");
    visit("precision", recipe.precision, precision_help);
    visit("device", recipe.device, device_help);
    visit("checkpoint-every", recipe.checkpoint_every,
          "steps between checkpoints within an epoch; 0: after every epoch");
    visit("keep-every", recipe.keep_every, "epochs between weights that are kept, as epoch-0010.safetensors; 0: none");
    visit("on-nan", recipe.on_nan, "a step whose loss or gradient is not finite: stop | skip");
}

// What a user gave that cannot be: a flag, a key of a config file, a value. The program exits with 2, not 1.
class UsageError : public Error {
  public:
    using Error::Error;
};

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
    throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// An object with the names above.
nlohmann::json to_json(const Recipe& recipe);

// The named model with model_args, the recipe's image size and drop path, and so many classes. Throws a UsageError.
SwinConfig model_of(const Recipe& recipe, int64_t classes);

// Replaces the settings that `settings` names, and of model_args the keys it names; `from` names their source in
// messages. An underscore in a key counts as a hyphen; "smoothing" is label-smoothing's old name. Throws a UsageError
// on an unknown key or a value of the wrong type.
void update(Recipe& recipe, const nlohmann::json& settings, const std::string& from);

// Throws a UsageError naming the first setting outside its range. Models and data name themselves on loading.
void validate(const Recipe& recipe);

}  // namespace swingrad

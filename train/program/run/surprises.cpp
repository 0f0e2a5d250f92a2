#include "train/program/run/surprises.h"

#include "train/data/dataset.h"
#include "train/data/sources.h"
#include "train/loop/trainer.h"
#include "train/program/images/data_source.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace swingrad {
namespace {

constexpr size_t most_named = 5;

// The names of the classes of which there is no image, the first few of them; empty where there is none, and where the
// samples are no images.
std::string classes_without_image(const Samples* samples) {
    const Dataset* images = samples ? samples->images() : nullptr;
    if (!images || images->masks) return "";  // of pixels, a class may well be in none
    std::vector<bool> seen(images->classes.size(), false);
    for (const int64_t label : images->labels) seen[static_cast<size_t>(label)] = true;
    std::string names;
    size_t missing = 0;
    for (size_t k = 0; k < seen.size(); ++k)
        if (!seen[k] && ++missing <= most_named) names += (names.empty() ? "" : ", ") + images->classes[k];
    return missing > most_named ? fmt::format("{} and {} more", names, missing - most_named) : names;
}

}  // namespace

std::vector<std::string> surprises_of(const RunSubject& subject) {
    const Recipe& recipe = subject.recipe;
    std::vector<std::string> lines;
    if (recipe.warmup_epochs > static_cast<double>(recipe.epochs))
        lines.push_back(fmt::format("the warm-up of {} epochs is longer than the run of {}: the rate rises to its end",
                                    recipe.warmup_epochs, recipe.epochs));
    const double reach = 1 / (1 - recipe.model_ema_decay);  // in steps
    const int64_t steps = recipe.epochs * steps_of_epoch(recipe, subject.training.size());
    if (recipe.model_ema && !recipe.model_ema_warmup && reach > static_cast<double>(steps) / 2)
        lines.push_back(
            fmt::format("the averaged weights reach back over {:.0f} steps of the run's {}, to where it began: "
                        "lower --model-ema-decay, or add --model-ema-warmup",
                        reach, steps));
    const nlohmann::json& settings = subject.settings;
    if (settings.is_object() && settings.value("color-jitter", 0.0) > 0 && !settings.value("aa", "").empty())
        lines.emplace_back("the colour jitter is left out beside a policy (--aa), as in timm");
    if (subject.classes == 1) lines.emplace_back("a single class: any answer is right, and there is nothing to learn");
    for (const auto& [samples, purpose] : {std::pair{&subject.training, "train"}, {subject.validation, "validate"}})
        if (const std::string names = classes_without_image(samples); !names.empty())
            lines.push_back(fmt::format("no image to {} on of class {}", purpose, names));
    return lines;
}

std::vector<std::string> notes_of_origin(const ModelCard& origin, const SwinConfig& here,
                                         const std::vector<std::string>& classes) {
    std::vector<std::string> notes;
    if (origin.normalisation) {
        const auto& [mean, deviation] = *origin.normalisation;
        notes.push_back(fmt::format("images are normalised as --init saw them: mean {}, std {}", fmt::join(mean, ","),
                                    fmt::join(deviation, ",")));
    }
    if (!origin.classes.empty() && origin.classes.size() == classes.size() && origin.classes != classes)
        notes.push_back(fmt::format("the head is taken as it is, though its {} classes have other names there: {}",
                                    classes.size(), difference_of_classes(origin.classes, classes)));
    const SwinConfig& there = origin.model;
    const bool by_network = here.position_bias != PositionBias::table && here.position_bias != PositionBias::none;
    const size_t stages = std::min(there.depths.size(), here.depths.size());
    for (size_t i = 0; i < stages && by_network; ++i) {
        const auto scale = [&](const SwinConfig& of) {
            return of.pretrained_window_sizes[i].rows > 0 ? of.pretrained_window_sizes[i] : of.window_size[i];
        };
        if (scale(there) == scale(here)) continue;
        notes.push_back(
            fmt::format("the position bias of windows of {} is read on the scale of windows of {}: "
                        "--pretrained-window-sizes keeps it",
                        text_of(scale(there)), text_of(scale(here))));
        break;
    }
    return notes;
}

}  // namespace swingrad

#include "train/experiments/experiments.h"

#include "core/io/suggest.h"
#include "train/loop/swin_recipe.h"

#include <array>
#include <vector>

namespace swingrad {

extern const Experiment amplitude_experiment, stability_experiment, attention_experiment, transfer_experiment,
    ablation_experiment, memory_experiment, growth_experiment, similarity_experiment, scaling_experiment,
    segmentation_experiment, finetune_experiment;

namespace {

constexpr std::array all{&amplitude_experiment, &stability_experiment,    &attention_experiment, &transfer_experiment,
                         &ablation_experiment,  &memory_experiment,       &growth_experiment,    &similarity_experiment,
                         &scaling_experiment,   &segmentation_experiment, &finetune_experiment};

}  // namespace

std::span<const Experiment* const> experiments() { return all; }

const Experiment& experiment_named(const std::string& name) {
    std::vector<std::string> names;
    for (const Experiment* one : all) {
        if (one->name == name) return *one;
        names.emplace_back(one->name);
    }
    fail_usage("unknown experiment \"{}\": {}", name, suggestion(name, names));
}

}  // namespace swingrad

#include "train/program/console/resume_changes.h"

namespace swingrad {
namespace {

template <class T>
std::optional<T> taken(nlohmann::json& given, const char* name, const T& before) {
    const auto found = given.find(name);
    if (found == given.end()) return {};
    const T value = found->get<T>();
    given.erase(found);
    return value == before ? std::nullopt : std::optional(value);
}

}  // namespace

ResumeChanges take_changes(nlohmann::json& given, const Recipe& before, const std::string& run) {
    ResumeChanges changes;
    changes.epochs = taken(given, "epochs", before.epochs);
    changes.early_stop = taken(given, "early-stop", before.early_stop);
    changes.tensorboard = taken(given, "tensorboard", before.tensorboard);
    changes.zero = taken(given, "zero", before.zero);
    if (changes.epochs && *changes.epochs < before.epochs)
        fail_usage("--epochs {} contradicts the {} of {}, which can only be raised", *changes.epochs, before.epochs,
                   run);
    return changes;
}

void ResumeChanges::apply(Recipe& recipe, std::vector<int64_t>& epochs_before) const {
    if (epochs) epochs_before.push_back(recipe.epochs);
    recipe.epochs = epochs.value_or(recipe.epochs);
    recipe.early_stop = early_stop.value_or(recipe.early_stop);
    recipe.tensorboard = tensorboard.value_or(recipe.tensorboard);
    recipe.zero = zero.value_or(recipe.zero);
    validate(recipe);
}

}  // namespace swingrad

// What a resumed run may do otherwise than it began: more epochs, another --early-stop, --tensorboard, --zero. None of
// it changes what the epochs so far have computed.
//
// Where epochs are raised, the schedule is from then on that of a run which had so many from the beginning. The rate
// jumps at that step: at the end of 20 epochs a cosine is at 0, in the middle of 40 at half of its peak.
#pragma once

#include "train/loop/recipe.h"

#include <optional>
#include <string>
#include <vector>

namespace swingrad {

struct ResumeChanges {
    std::optional<int64_t> epochs, early_stop, zero;
    std::optional<bool> tensorboard;

    bool any() const { return epochs || early_stop || tensorboard || zero; }
    // Notes in `epochs_before` how many a run had that are raised. Throws a UsageError where a value is out of range.
    void apply(Recipe& recipe, std::vector<int64_t>& epochs_before) const;
};

// Takes them out of `given`, the settings that were given as flags: those that are not as they were `before`. Throws a
// UsageError where epochs are fewer. `run` names the run in messages.
ResumeChanges take_changes(nlohmann::json& given, const Recipe& before, const std::string& run);

}  // namespace swingrad

// The list of all experiments.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <span>
#include <string>

namespace swingrad {

// All of them, in the order of the list. To add one: a file with its Experiment, and a line in experiments.cpp.
std::span<const Experiment* const> experiments();
// By name. Throws a UsageError with the nearest name where there is none.
const Experiment& experiment_named(const std::string& name);

}  // namespace swingrad

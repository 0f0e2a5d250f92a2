// What a training step on the CPU costs, operation by operation, as `bench` tells it.
#pragma once

#include "train/loop/step_profile.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>

namespace swingrad {

// Of one step; each number is a mean over those that were watched.
struct StepCosts {
    std::vector<OperationCost> operations;
    double rest_s = 0;      // the step's less its operations': optimiser, clearing
    double flops = 0;       // of all matrix products
    double products_s = 0;  // that they take by themselves
};

// Three steps, each to be taken by step(profile).
StepCosts watched_steps(const std::function<void(StepProfile&)>& step);

// `step_s`: what a step takes while no profile is made of it; `images` of it.
void print_costs(const StepCosts& costs, double step_s, double images);
void add_costs(nlohmann::json& line, const StepCosts& costs, double step_s, double images);

double rounded(double value);  // to a tenth

}  // namespace swingrad

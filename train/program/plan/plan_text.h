// A plan as tables, as JSON, as a figure and as a page: each says that it is predicted.
#pragma once

#include "train/program/plan/plan.h"
#include "train/program/report/plot.h"

#include <nlohmann/json.hpp>

namespace swingrad {

inline constexpr const char* predicted = "predicted, not measured";

std::string text_of(const Plan& plan);
nlohmann::json json_of(const Plan& plan);
Figure figure_of(const Plan& plan);  // images a second by the number of ranks
std::string page_of(const Plan& plan);

}  // namespace swingrad

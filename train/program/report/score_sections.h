// The scores of a model on the page of its run: class by class, and whether it is as often right as it is sure.
#pragma once

#include "train/program/report/plot.h"
#include "train/program/report/scores/scores.h"

#include <string>
#include <vector>

namespace swingrad {

// As HTML: a table with a bar for each class's share of right answers, folded of more than twenty classes.
std::string html_of_classes(const Scores& scores, const std::vector<std::string>& names);

// The reliability diagram: over how sure the model was, how often it was right, and for how many samples; in percent.
NamedFigure calibration_figure(const Scores& scores, const std::string& samples_are);
// What it comes to, and its numbers as a table, as HTML.
std::string html_of_calibration(const Scores& scores, const std::string& samples_are);

}  // namespace swingrad

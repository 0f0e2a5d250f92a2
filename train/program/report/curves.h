// The figures of one run, or of several over each other.
#pragma once

#include "train/program/report/log_table.h"
#include "train/program/report/plot.h"

#include <string>
#include <vector>

namespace swingrad {

struct NamedLog {
    std::string name;  // of the run, for legends; not shown where there is one run alone
    LogTable log;
    Series rates = {};           // learning rates of the steps, over epochs; empty: of epochs' last steps, from the log
    double label_smoothing = 0;  // of the targets of the training loss
};

// Loss, accuracy, learning rate and gradient norm over epochs. Of one run, training and validation are two curves; of
// several, validation stands for each that has one. A figure for which no run has a point is left out.
std::vector<NamedFigure> curves(const std::vector<NamedLog>& logs);

// Loss, accuracy and rate likewise over the time of training and validation, in minutes or seconds: "loss-by-time.svg".
std::vector<NamedFigure> curves_by_time(const std::vector<NamedLog>& logs);

}  // namespace swingrad

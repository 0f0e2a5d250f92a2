// report.html of a run's folder: one page that needs nothing but itself, on a desk or a phone, light or dark.
#pragma once

#include "train/loop/evaluate.h"
#include "train/program/run/run_folder.h"

#include <string>

namespace swingrad {

// What the model said of a set of images, for the confusion matrix and the examples.
struct Judged {
    std::string set;  // "validation", "test"
    int64_t epoch;    // after which
    const Dataset& data;
    const Evaluation& evaluation;
};

// Draws the figures and writes the page, out of what lies in the folder: log, environment. `judged` may be null.
// Throws an Error where something cannot be read or written. Figures that cannot be drawn, as without gnuplot, are left
// out: the page says why, and so does the line returned, which is empty where all went well.
std::string write_report(const RunFolder& folder, const RunConfig& config, int64_t parameters, const Judged* judged);

}  // namespace swingrad

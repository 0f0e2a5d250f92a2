// What the experiment stability makes of its results.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <string>
#include <vector>

namespace swingrad {

struct StabilityVariant {
    const char* name;
    const char* norm;    // of the switches
    int64_t norm_every;  // likewise, extra_norm_every
};

struct StabilityResults {
    std::vector<StabilityVariant> variants;
    std::vector<int64_t> depths;  // blocks, growing
    std::vector<double> rates;    // learning rates, growing
    int64_t seeds, classes;
    // By depth, variant, learning rate and seed, the last fastest: {"losses": [of every step], "stopped": ""}.
    std::vector<nlohmann::json> all;
};

// How one training ended.
struct Outcome {
    bool failed = false;
    double loss = 0;   // mean of the last tenth of the steps; NaN where it broke off
    std::string text;  // "1.52", "fails (2.31)", "breaks off at 17"
};
// It fails where loss or gradient was not finite, or where in the last tenth of its steps the loss is no better than
// that of who knows nothing, ln(classes).
Outcome outcome_of(const nlohmann::json& result, int64_t classes);

// Tables, figures and sentences; all but the setup.
Findings stability_findings(const StabilityResults& results);

}  // namespace swingrad

// What the experiment transfer makes of its results: tables beside the paper's, figures, sentences.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

// Values of the switch position_bias, the paper's last.
inline constexpr std::array transfer_kinds{"table", "linear-cpb", "log-cpb"};

struct TransferResults {
    std::vector<int64_t> windows;  // in tokens; the first is trained with
    int64_t seeds;
    // Kinds outermost, then seeds, then windows: {"run", "stopped", "test_images", "without": {"accuracy", "bias"},
    // "with": likewise}, before and after fine-tuning, the bias as bias_along_row gives it.
    std::vector<nlohmann::json> all;
};

// All but the setup.
Findings transfer_findings(const TransferResults& results);

}  // namespace swingrad

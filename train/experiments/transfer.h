// What the experiment transfer makes of its results: tables beside the paper's, figures, sentences.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

// Values of the switch position_bias, the paper's; and ViT's absolute positions without such a bias.
inline constexpr std::array transfer_kinds{"table", "linear-cpb", "log-cpb", "absolute"};
inline constexpr size_t kinds_with_bias = 3;

struct TransferResults {
    std::vector<int64_t> windows;  // in tokens; the first is trained with
    int64_t seeds;
    // Kinds outermost, then seeds, then windows: {"run", "stopped", "test_images", "without": {"accuracy", "bias"},
    // "with": likewise, "kept": {"accuracy"}}, before and after fine-tuning, the bias as bias_along_row gives it, and
    // before it with the trained window on the larger image.
    std::vector<nlohmann::json> all;
};

// All but the setup.
Findings transfer_findings(const TransferResults& results);

}  // namespace swingrad

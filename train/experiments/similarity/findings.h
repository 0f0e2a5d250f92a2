// What the experiment similarity makes of its results.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

inline constexpr std::array similarity_placements{"pre", "res-post"};

struct SimilarityResults {
    int64_t seeds;
    size_t compared_from;  // the first block of the last stage: a stage before it has another map
    // By placement, then seed: {"stopped", "accuracy", "blocks": [{"amplitude", "stream", "centred", "taken", "given",
    // "parts"} of each block]}. Four are {"near", "far", "same", "other"}: of the stream after the block, of the same
    // with its mean token taken away, of what goes into the block's attention, and of what comes out, both centred too.
    // "parts", with pre-norm from compared_from on: {"start", "attention", "mlp"}, of the stream's squared length.
    std::vector<nlohmann::json> all;
};

// Tables, figures and sentences; all but the setup.
Findings similarity_findings(const SimilarityResults& results);

}  // namespace swingrad

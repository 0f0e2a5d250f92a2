// What the experiment attention makes of its results.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

struct AttentionKindTried {
    const char* name;
    const char* norm;       // of the switches
    const char* attention;  // likewise
};
inline constexpr std::array attention_kinds{AttentionKindTried{"pre, dot", "pre", "dot"},
                                            AttentionKindTried{"res-post, dot", "res-post", "dot"},
                                            AttentionKindTried{"res-post, cosine", "res-post", "cosine"}};

struct AttentionResults {
    int64_t seeds;
    // By kind, then seed: {"stopped", "accuracy", "probes": [{"step", "blocks": [{"share": [of each head],
    // "dominated": [likewise], "temperature": [likewise, empty for dot]}]}], "keys": [of each block, its N],
    // "pictures": {"image": [numbers of a photograph], "columns", "blocks": [{"title", "columns", "marked",
    // "values"}]}}.
    std::vector<nlohmann::json> all;
};

// Tables, figures and sentences; all but the setup.
Findings attention_findings(const AttentionResults& results);

}  // namespace swingrad

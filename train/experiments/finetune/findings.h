// What the experiment finetune makes of its results.
#pragma once

#include "train/experiments/harness/experiment.h"

#include <array>

namespace swingrad {

// What is done with a few images: the first two begin as drawn, the others with what was learnt before.
inline constexpr std::array finetune_methods{"scratch", "scratch, 4 times as long", "whole", "layer decay", "probe"};
inline constexpr size_t methods_from_scratch = 2;

struct FinetuneSubject {
    std::string learnt, few;           // "10 kinds of shapes", "5 further kinds"
    std::vector<nlohmann::json> base;  // by seed: {"stopped", "accuracy", "images", "test_images"}
    // By method, then seed: the same of the few, and {"trained"}, how many of the model's numbers were.
    std::vector<std::vector<nlohmann::json>> by_method;
};

// Tables, figures and sentences; all but the setup.
Findings finetune_findings(const std::vector<FinetuneSubject>& subjects);

}  // namespace swingrad

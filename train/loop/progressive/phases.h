// Phases of a run (--progressive): it begins with small images or large patches, which cost less, and ends with those
// of its model. A phase has a share of the epochs. All weights go on from phase to phase; of another patch, and in a
// table of position biases, they are resampled (train/transfer/carry_over.h).
#pragma once

#include "models/swin/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swingrad {

struct PhaseSizes {
    int64_t img_size = 0, patch_size = 0;  // rows and columns; 0: the model's
    double share = 0;                      // of the epochs
    std::string text;                      // as given
};

// "16:0.5,32:0.5", "p4:0.5,p2:0.5", "16p4:0.3,16:0.3,32:0.4": in the order in which they follow one another. Throws an
// Error where the text is none of these, or the shares are not above 0 or do not sum to 1.
std::vector<PhaseSizes> parse_phases(const std::string& text);

struct Phase {
    SwinConfig model;            // of its sizes
    int64_t begin = 0, end = 0;  // epochs of the run that are done before its first, and after its last
};

// The phases of a run of so many epochs, by the whole model. Shares are rounded to whole epochs. Throws an Error where
// a phase has no epoch, is of a size that the model cannot have, or the last one is not the model itself.
std::vector<Phase> phases_of(const std::string& text, const SwinConfig& model, int64_t epochs);

// Which phase a checkpoint after so many epochs, and batches of the next one, is of. Where a phase has just ended, it
// is that one: weights go over to the next with its first step.
size_t phase_of_checkpoint(const std::vector<Phase>& phases, int64_t epoch, int64_t batch);

}  // namespace swingrad

// One picture through a model and back, with what is on the way kept to be looked at.
#pragma once

#include "autograd/tape.h"
#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"

#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// The gradient of the loss for one recorded operation.
struct SeenNode {
    TapeEntry entry;             // without what it saved
    double gradient;             // root mean square of what arrived at its output; NaN where nothing did
    std::vector<double> passed;  // the same of what it gave to each of entry.inputs; NaN where nothing
    // Where its output is a map [1, H, W, C]: the length of the gradient's C numbers at each place, [H W]; else empty.
    std::vector<double> lengths;
};

struct SeenPass {
    std::vector<std::pair<std::string, Tensor>> maps;  // by layer, float32 [1, H, W, C], in the order they are computed
    std::vector<double> logits;                        // [K]
    int64_t label = 0;                                 // of the largest
    double loss = 0;                                   // cross entropy, were that the picture's class
    std::vector<SeenNode> nodes;                       // of the tape, in order; the last is the loss
    std::vector<double> image_lengths;                 // as SeenNode's, of the picture itself
};

// For one image [1, H, W, in_chans], in evaluation, on the CPU in float32. `parameters` are of a model of this
// configuration, on any device. The ways to need less memory are switched off: they hide what is looked for, and change
// no result. Throws an Error where a layer puts out what is not finite, naming it.
SeenPass seen_pass(const SwinConfig& config, const Parameters& parameters, const Tensor& image);

}  // namespace swingrad

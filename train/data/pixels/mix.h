// Mixup and cutmix: images of a batch mixed with one another, and their targets with them.
//
// Image i is mixed with image B - 1 - i. A share lambda of it stays, drawn from a beta distribution: mixup takes
// lambda of each of its pixels, cutmix replaces a rectangle of it, of about 1 - lambda of its area, by the other's.
// Its target becomes lambda of its class and 1 - lambda of the other's; after cutmix lambda is the share of the area
// that really stayed. Names and conventions are timm's.
#pragma once

#include "core/tensor.h"
#include "train/data/pixels/draws.h"

#include <span>
#include <string>
#include <vector>

namespace swingrad {

enum class MixMode {
    batch,  // one lambda a batch
    pair,   // one for each two images that are mixed with one another: both lose the same
    elem,   // one an image
};

// Throws an Error that lists them.
MixMode mix_mode_named(const std::string& name);

struct Mixing {
    double mixup = 0, cutmix = 0;     // both parameters of the beta distribution; 0: never
    double probability = 1;           // of a mixture, per lambda
    double switch_probability = 0.5;  // of cutmix where both are asked for
    MixMode mode = MixMode::batch;

    bool active() const { return mixup > 0 || cutmix > 0; }
};

// Mixes float32 [B, H, W, C] in place. `streams` has one stream an image: a lambda of pair or elem is drawn from its
// first image's, that of a batch from the first of all. Returns targets, float32 [B, classes], each row of which sums
// to 1, of labels in 0 .. classes - 1. Any B will do; with an odd one the image in the middle is mixed with itself,
// which changes nothing.
Tensor mix(const Tensor& images, std::span<const int64_t> labels, int64_t classes, const Mixing& mixing,
           std::span<const Random> streams);

// From the symmetric beta distribution with both parameters `a`, above 0; in [0, 1].
double beta(double a, Draws& draws);

}  // namespace swingrad

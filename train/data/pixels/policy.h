// Policies of augmentation by timm's strings: RandAugment, such as "rand-m9-mstd0.5-inc1", and AutoAugment, such as
// "original-mstd0.5".
//
//   rand             operations drawn one after another
//     m9             magnitude, 10 by default, a whole number
//     n2             how many operations, 2 by default
//     p0.5           how likely each is applied, 0.5 by default
//     mstd0.5        standard deviation of the magnitude, 0 by default; above 100, the magnitude is uniform in 0 .. m
//     mmax10         the largest magnitude, 10 by default
//     inc1           operations whose effect grows with the magnitude
//
//   original, v0     one of 25 pairs of operations, for ImageNet
//   originalr, v0r   the same, with posterize growing with its magnitude
//     mstd0.5        as above
#pragma once

#include "train/data/pixels/policy_operations.h"

#include <string>
#include <vector>

namespace swingrad {

struct PolicyStep {
    PolicyOperation operation;
    double probability, magnitude;
};

// `layers` times, one of the sequences at random is applied, step by step.
struct Policy {
    std::vector<std::vector<PolicyStep>> sequences = {};  // none: pictures stay as they are
    int64_t layers = 1;
    double deviation = 0;  // of magnitudes; infinite: uniform in 0 .. magnitude
    double most_magnitude = 10;
};

// Of an empty text, no policy. Throws an Error that says what is wrong with the text, and what is possible.
Policy policy_named(const std::string& text);

// A picture, uint8 [H, W, 3], as the policy changes it.
Tensor augmented(const Tensor& image, const Policy& policy, const Ground& ground, Draws& draws);

}  // namespace swingrad

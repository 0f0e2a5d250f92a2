// How alike tokens are: the cosine of their vectors, over pairs that are near or far in an image, or at one place in
// two images of one class or of two.
#pragma once

#include "core/tensor.h"

#include <vector>

namespace swingrad {

// Each a mean over all such pairs; NaN where there is none.
struct TokenSimilarity {
    double near = 0;   // neighbours in a row or a column
    double far = 0;    // half a map apart, down or across
    double same = 0;   // at one place in two images of the same class
    double other = 0;  // at one place in two images of different classes

    double by_place() const { return near - far; }
    double by_class() const { return same - other; }
};

// Of x [B, H, W, C], any floating type, on any device. `labels`: the class of each image. With `centred`, the mean of
// all tokens is taken away first: what they all share makes any two alike. A token without length is like none: 0.
TokenSimilarity similarity_of(const Tensor& x, const std::vector<int64_t>& labels, bool centred);

}  // namespace swingrad

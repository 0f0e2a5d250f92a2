// What a model says of one image.
#pragma once

#include <cstdint>

namespace swingrad {

struct Prediction {
    int64_t predicted = 0;   // the class with the largest logit; the first of several
    double probability = 0;  // softmax's of that class
    double loss = 0;         // cross entropy: -log of the probability of the true class
    int64_t rank = 0;        // of the true class by logits, 0 the first: of equal ones the lower class comes first
};

}  // namespace swingrad

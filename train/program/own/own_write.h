// What a model of texts goes on with, token by token.
#pragma once

#include "models/nn/parameters.h"

#include <functional>
#include <vector>

namespace swingrad {

struct Writing {
    int64_t length = 400;  // tokens to add
    // Logits are divided by it before softmax: below 1 what is likely becomes likelier. 0: always the likeliest token,
    // the first of several.
    double temperature = 0.8;
    Random random;  // the i-th token that is added is drawn by index i
};

// Adds tokens to `text`, which has one at least, each drawn from what the model says of the token after the last
// `context` ones: from int64 [1, context] to logits [1, context, K], as TextModel (train/program/own/own_program.h)
// promises. Where there are fewer than `context`, zeros follow them. Calls `added` with each. The same numbers give the
// same tokens, on any number of threads. Throws an Error where the logits have another shape, or one is not finite.
void write_tokens(const Module& model, const Parameters& parameters, int64_t context, const Writing& writing,
                  std::vector<int64_t>& text, const std::function<void(int64_t token)>& added);

}  // namespace swingrad

// How alike the tokens of a model are, block after block, and what its stream is the sum of.
#pragma once

#include "models/swin/swin_v2.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace swingrad {

// For images [B, H, W, C] and their classes, nothing random, nothing recorded: a list with, of each block in order,
//   amplitude            mean |x| of the stream after it
//   stream, centred      similarity_of (train/experiments/similarity/token_pairs.h) of that stream: {"near", "far",
//                        "same", "other"}, as it is and without its mean token
//   taken, given         the same, centred, of what goes into its attention, and of what comes out
//   parts                with pre-norm, where the stage has a merging before it: {"start", "attention", "mlp"}, what
//                        came into the stage and what attentions and MLPs have added, as shares of the stream's squared
//                        length
nlohmann::json similarity_of_blocks(const SwinV2& model, const Tensor& images, const std::vector<int64_t>& labels);

}  // namespace swingrad

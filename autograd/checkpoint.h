// Activation checkpointing: keep the inputs of a function instead of everything inside it, and run it again when
// its gradient is wanted. One node on the outer tape; backward records an inner one. (The checkpoints that training
// writes to files are something else: train/loop/checkpoint.h.)
// Source: Chen, Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost", arXiv 1604.06174.
#pragma once

#include "autograd/tape.h"

namespace swingrad {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

// function(inputs), with nothing saved but `inputs`. Whatever needs a gradient belongs among the inputs, parameters
// included: where no input needs one nothing is recorded, and a leaf that the function captured instead is then
// passed over. (Where some input does, a captured leaf collects its gradient during the replay.) A result of another
// operation on the tape cannot be captured: the replay stops with an error. The function must compute the same when
// called again; random draws do, since a Random is a value.
Tensor checkpoint(Function function, const std::vector<Tensor>& inputs);

}  // namespace swingrad

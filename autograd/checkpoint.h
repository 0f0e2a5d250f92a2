// Activation checkpointing: keep the inputs of a function instead of everything inside it, and run it again when
// its gradient is wanted. One node on the outer tape; backward records an inner one.
// Source: Chen, Xu, Zhang, Guestrin, "Training deep nets with sublinear memory cost", arXiv 1604.06174.
#pragma once

#include "autograd/tape.h"

namespace swingrad {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

// function(inputs), with nothing saved but `inputs`. Whatever needs a gradient must be among the inputs,
// parameters included: what the function captures is a constant to it. It must compute the same when called
// again; random draws do, since a Random is a value.
Tensor checkpoint(Function function, const std::vector<Tensor>& inputs);

}  // namespace swingrad

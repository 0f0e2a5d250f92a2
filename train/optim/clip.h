// Clipping gradients by their norm.
#pragma once

#include "train/optim/shards.h"

namespace swingrad {

// sqrt(sum of squares) over the gradients of all parameters that received one. Summed in double; the same bits for
// any number of threads. Where they are on the GPU, waits for it, as clip_gradients does: a training has
// cuda/optim/training_step.h instead. With `shards` each rank has the gradients of its own entries, and all get the
// norm over all, with the bits of one process; clip_gradients then scales the own ones.
double gradient_norm(const Parameters& parameters, const Shards* shards = nullptr);

// Multiplies all gradients by min(1, max_norm / (norm + 1e-6)) and returns the norm before that, as
// torch.nn.utils.clip_grad_norm_ does. Where the norm is not finite, leaves the gradients as they are: no factor
// mends them, and the caller sees it from what is returned. Throws an Error unless max_norm > 0.
double clip_gradients(const Parameters& parameters, double max_norm, const Shards* shards = nullptr);

}  // namespace swingrad

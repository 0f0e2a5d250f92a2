// Loss, and how right predictions are counted.
#pragma once

#include "core/tensor.h"

#include <functional>

namespace swingrad {

// From a model's output and a batch's targets to a scalar, the mean over the batch. Differentiable, by operations.
using Loss = std::function<Tensor(const Tensor& output, const Tensor& targets)>;

// Cross entropy of logits [..., K] and classes int64 [...]: one class for each row of logits. A batch of images has
// [B, K] and [B], a batch of texts [B, T, K] and [B, T].
Loss classification_loss(double label_smoothing = 0);
// The same with shares of all classes as targets, floats [B, K], as those of mixed images are.
Loss shared_classification_loss(double label_smoothing = 0);

// Cross entropy of logits of pixels [B, H, W, K] and classes int64 [B, H, W]: the mean over all pixels of the batch
// whose class is not ignored_class, and 0 where there are none.
Loss pixel_loss(double label_smoothing = 0);
// Of a pixel that says nothing of its class.
constexpr int64_t ignored_class = 255;

// Whether targets are int64 and one for each row of the output, which has several classes: then there is an accuracy.
bool is_classification(const Tensor& output, const Tensor& targets);

// In how many rows of logits [..., K] the largest element, of several the first, is the target's. The targets are on
// the CPU.
int64_t count_correct(const Tensor& logits, const Tensor& targets);

}  // namespace swingrad

// Kernels of train/optim/mean_gradient.cpp: the mean of several batches' gradients. T: float or double; W: of the loss.
// Flat memory: cuda/optim/flat.h.
#pragma once

#include "core/element.h"
#include "cuda/optim/flat.h"
#include "cuda/optim/training_step.h"

namespace swingrad::cuda {

// A batch is done: its gradients g, or g_copies, are added to sums [total] and become 0, where a gradient has been
// received; loss [1] is added to loss_sum [1].
template <class T>
void add_gradients(const FlatTable& table, T* g, bfloat16* g_copies, T* sums);
template <class W>
void add_loss(const W* loss, W* loss_sum);

// The last batch of the step that close_step will close is done: gradients become the mean, sums over
// control->batches of the step, and so does loss_sum.
template <class T>
void finish_gradients(const FlatTable& table, const StepControl* control, const T* sums, T* g, bfloat16* g_copies);
template <class W>
void finish_loss(const StepControl* control, W* loss_sum);

}  // namespace swingrad::cuda

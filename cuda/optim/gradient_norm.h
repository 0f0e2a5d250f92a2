// Kernels of train/optim/clip.cpp. T: float or double. Flat memory: cuda/optim/flat.h.
#pragma once

#include "core/element.h"
#include "cuda/optim/flat.h"

namespace swingrad::cuda {

// norm[0] = sqrt(sum of squares) over all gradients received; in double, the same bits every time. g [total] and
// g_copies [total], which may be null where no parameter has a copy.
template <class T>
void gradient_norm(const FlatTable& table, const T* g, const bfloat16* g_copies, double* norm);

// Multiplies all gradients received by `factor`.
template <class T>
void scale_gradients(const FlatTable& table, double factor, T* g, bfloat16* g_copies);

}  // namespace swingrad::cuda

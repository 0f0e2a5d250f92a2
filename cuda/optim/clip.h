// Kernels of train/optim/clipping.cpp: what is clipped element by element or unit by unit. Clipping to a norm is a
// factor that optimisers multiply by (cuda/optim/training_step.h). T: float or double. Flat memory: cuda/optim/flat.h.
#pragma once

#include "core/element.h"
#include "cuda/optim/flat.h"

#include <cmath>

namespace swingrad::cuda {

// A row of a parameter [out, ...], or all of one that has no rows.
struct ClipUnit {
    int64_t begin, count;  // in flat memory
    int64_t entry;
};

// What adaptive clipping multiplies a unit's gradient by, from the sums of squares of its weights and gradients.
SWINGRAD_HOST_DEVICE inline double unit_factor(double w_squares, double g_squares, double clip) {
    const double length = std::sqrt(w_squares), norm = std::sqrt(g_squares);
    const double most = (length > 1e-3 ? length : 1e-3) * clip;
    return norm < most ? 1 : most / (norm > 1e-6 ? norm : 1e-6);
}

template <class T>
SWINGRAD_HOST_DEVICE inline T clamped(T g, T most) {
    return g > most ? most : g < -most ? -most : g;  // a NaN stays one
}

// Each gradient received, to -most ... most.
template <class T>
void clip_values(const FlatTable& table, double most, T* g, bfloat16* g_copies);

// The gradients of each unit received, so that their norm is at most `clip` times that of the weights w. `units` in
// device memory.
template <class T>
void clip_units(const FlatTable& table, int64_t unit_count, const ClipUnit* units, double clip, const T* w, T* g,
                bfloat16* g_copies);

}  // namespace swingrad::cuda

// The arithmetic of averaged weights, once for the CPU's loops and for kernels, and the kernels of
// train/optim/average.cpp, where it is derived. T: float or double.
#pragma once

#include "core/element.h"
#include "cuda/optim/training_step.h"

#include <cmath>

namespace swingrad::cuda {

struct AverageNumbers {
    double decay;
    int32_t warms_up;
};

// What update t, which counts from 1, keeps of the average so far.
SWINGRAD_HOST_DEVICE inline double average_decay(const AverageNumbers& of, int64_t t) {
    if (t <= 1) return 0;
    if (!of.warms_up) return of.decay;
    const double rising = 1 - std::pow(static_cast<double>(t), -2.0 / 3);
    return rising < of.decay ? rising : of.decay;
}

// e <- e + take (w - e). Where take is large, from w's side: so 1 gives w itself, as in torch.lerp.
template <class T>
SWINGRAD_HOST_DEVICE inline void average_update(T take, T w, T& e) {
    const T difference = w - e;
    e = take < T(0.5) ? e + take * difference : w - difference * (T(1) - take);
}

// The update of one step, unless control says that steps are halted. Weights w [count] and buffers b [buffer_count],
// which may be none; their averages in average_of_w and average_of_b. updates [1]: how many there have been.
template <class T>
void average_step(const AverageNumbers& numbers, const StepControl* control, int64_t* updates, int64_t count,
                  const T* w, T* average_of_w, int64_t buffer_count, const T* b, T* average_of_b);

}  // namespace swingrad::cuda

// The learning rate over a run: a linear rise, then half a cosine down.
#pragma once

#include <cstdint>

namespace swingrad {

// step counts from 0, T_w = warmup_steps, T = total_steps:
//
//   step < T_w     peak (step + 1) / T_w
//   step < T       minimum + (peak - minimum) (1 + cos(pi (step - T_w) / (T - T_w))) / 2
//   afterwards     minimum
//
// The peak is reached at step T_w - 1 and held at step T_w; the minimum would be reached at step T, which a run of T
// steps does not take.
// Source: Loshchilov, Hutter, "SGDR: Stochastic gradient descent with warm restarts", arXiv 1608.03983.
struct WarmupCosine {
    double peak;
    int64_t warmup_steps, total_steps;
    double minimum = 0;

    double at(int64_t step) const;
};

}  // namespace swingrad

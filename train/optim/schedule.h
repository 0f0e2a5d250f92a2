// The learning rate over a run: a warm-up, then a fall, or none.
#pragma once

#include <cstdint>
#include <string>

namespace swingrad {

// step counts from 0, T_w = warmup_steps, T = total_steps, after which a cool-down at the minimum may follow. In the
// warm-up, step < T_w, the rate rises in a line (not of `onecycle`):
//
//   start + (peak - start) (step + 1) / T_w
//
// The peak is reached at step T_w - 1 and held at step T_w. Afterwards:
//
//   cosine     minimum + (peak - minimum) (1 + cos(pi (step - T_w) / (T - T_w))) / 2, and from T on the minimum
//   step       peak decay_rate^floor(step / decay_steps), but not below the minimum; steps of the warm-up count
//   onecycle   half a cosine up from `start` at step 0 to the peak at T_w - 1, half a cosine down to the minimum at
//              T - 1, and from there on the minimum
//   constant   peak
//
// The minimum of a cosine would be reached at step T, which a run of T steps does not take.
// In timm's words, cosine is CosineLRScheduler with warmup_prefix and t_initial = T - T_w, and step is StepLRScheduler,
// both by updates; onecycle is torch's OneCycleLR with pct_start = T_w / T and no cycle of momentum. The warm-up is one
// step ahead of timm's, whose first step has the rate `start` itself: here a start of 0 wastes no step.
// Sources: Loshchilov, Hutter, "SGDR: Stochastic gradient descent with warm restarts", arXiv 1608.03983; Smith, Topin,
// "Super-convergence: Very fast training of neural networks using large learning rates", arXiv 1708.07120.
struct Schedule {
    enum class Kind { cosine, step, onecycle, constant };

    double peak;
    int64_t warmup_steps, total_steps;
    double minimum = 0, start = 0;
    Kind kind = Kind::cosine;
    double decay_steps = 1, decay_rate = 1;  // of `step`

    double at(int64_t step) const;
};

Schedule::Kind schedule_named(const std::string& name);  // a recipe's: any other name is a cosine

}  // namespace swingrad

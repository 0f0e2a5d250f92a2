#include "train/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace swingrad {

double WarmupCosine::at(int64_t step) const {
    if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
    if (step >= total_steps) return minimum;
    const double progress = static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
    return minimum + (peak - minimum) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace swingrad

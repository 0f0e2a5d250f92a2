#include "train/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace swingrad {
namespace {

// From `from` at progress 0 to `to` at progress 1, along half a cosine.
double along_cosine(double from, double to, double progress) {
    return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

double ratio(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

Schedule::Kind schedule_named(const std::string& name) {
    if (name == "step") return Schedule::Kind::step;
    if (name == "onecycle") return Schedule::Kind::onecycle;
    return name == "constant" ? Schedule::Kind::constant : Schedule::Kind::cosine;
}

double Schedule::at(int64_t step) const {
    if (kind == Kind::onecycle) {
        const int64_t top = std::max<int64_t>(0, warmup_steps - 1), end = total_steps - 1;
        if (step < top) return along_cosine(start, peak, ratio(step, top));
        if (step >= end) return end > top || step > end ? minimum : peak;
        return along_cosine(peak, minimum, ratio(step - top, end - top));
    }
    if (step < warmup_steps)
        return start + (peak - start) * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
    switch (kind) {
        case Kind::constant: return peak;
        case Kind::step:
            return std::max(minimum, peak * std::pow(decay_rate, std::floor(static_cast<double>(step) / decay_steps)));
        default:
            return step >= total_steps
                       ? minimum
                       : along_cosine(peak, minimum, ratio(step - warmup_steps, total_steps - warmup_steps));
    }
}

}  // namespace swingrad

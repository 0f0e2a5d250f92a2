#include "core/random.h"

#include <cmath>
#include <numbers>

namespace swingrad {

double Random::normal(uint64_t index) const {
    const auto w = words(index);
    const double radius = std::sqrt(-2.0 * std::log((w[0] + 1.0) * 0x1p-32));  // (0, 1]: log never sees 0
    return radius * std::cos(2.0 * std::numbers::pi * w[1] * 0x1p-32);
}

}  // namespace swingrad

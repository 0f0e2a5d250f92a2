#include "train/data/pixels/jitter.h"

#include "train/data/pixels/enhance.h"

#include <algorithm>
#include <array>
#include <utility>

namespace swingrad {

Tensor jittered(const Tensor& image, double strength, Draws& draws) {
    std::array<Tensor (*)(const Tensor&, double), 3> changes{with_brightness, with_contrast, with_colour};
    for (size_t i = changes.size(); i-- > 1;)
        std::swap(changes[i], changes[static_cast<size_t>(draws.below(static_cast<int64_t>(i + 1)))]);
    Tensor result = image;
    for (const auto change : changes) result = change(result, draws.between(std::max(0.0, 1 - strength), 1 + strength));
    return result;
}

}  // namespace swingrad

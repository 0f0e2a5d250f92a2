#include "train/ranks/shares.h"

namespace swingrad {

std::vector<int64_t> of_each_batch(const std::vector<int64_t>& order, int64_t batch, int64_t first, int64_t size) {
    std::vector<int64_t> some;
    for (int64_t begin = 0; begin + batch <= static_cast<int64_t>(order.size()); begin += batch)
        some.insert(some.end(), order.begin() + begin + first, order.begin() + begin + first + size);
    return some;
}

}  // namespace swingrad

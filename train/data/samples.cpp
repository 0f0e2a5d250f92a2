#include "train/data/samples.h"

#include "core/error.h"

#include <numeric>
#include <utility>

namespace swingrad {

// Fisher and Yates: the last place gets one of all, the one before it one of the rest, and so on.
std::vector<int64_t> shuffled(int64_t count, Random random) {
    check(count >= 0 && count < (int64_t{1} << 32), "[shuffled] count must be 0 to 2^32 - 1, got {}", count);
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    for (uint64_t i = order.size(); i-- > 1;) std::swap(order[i], order[random.below(i, static_cast<uint32_t>(i + 1))]);
    return order;
}

std::vector<int64_t> Samples::order_of_epoch(int64_t, Random random) const { return shuffled(size(), random); }

}  // namespace swingrad

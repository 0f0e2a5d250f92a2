#include "core/gemm/kept_weights.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace swingrad {
namespace {

struct Range {
    const uint8_t *begin, *end;
};

bool holds(const Range& range, const void* weight) {
    const auto* at = static_cast<const uint8_t*>(weight);
    return !std::less<>{}(at, range.begin) && std::less<>{}(at, range.end);
}

// Of the whole process. Several objects may keep the same weights.
struct Registry {
    std::atomic<int64_t> count = 0;  // of ranges: with none, a training asks for no lock
    std::mutex mutex;
    std::vector<Range> ranges;
    std::map<detail::PackedFrom, Tensor> packed;

    bool keeps(const void* weight) const {
        return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) { return holds(range, weight); });
    }
};

Registry& registry() {
    static Registry one;
    return one;
}

Range range_of(const Tensor& tensor) {
    const auto* begin = static_cast<const uint8_t*>(tensor.address());
    return {begin, begin + tensor.bytes()};
}

}  // namespace

KeptWeights::KeptWeights(std::vector<Tensor> weights) : weights_(std::move(weights)) {
    std::erase_if(weights_, [](const Tensor& tensor) {
        return !tensor.defined() || tensor.device() != Device::cpu || tensor.numel() == 0;
    });
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (const Tensor& tensor : weights_) all.ranges.push_back(range_of(tensor));
    all.count = static_cast<int64_t>(all.ranges.size());
}

KeptWeights::~KeptWeights() {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (const Tensor& tensor : weights_) {
        const Range range = range_of(tensor);
        all.ranges.erase(std::find_if(all.ranges.begin(), all.ranges.end(), [&](const Range& other) {
            return other.begin == range.begin && other.end == range.end;
        }));
    }
    std::erase_if(all.packed, [&](const auto& entry) { return !all.keeps(entry.first.data); });
    all.count = static_cast<int64_t>(all.ranges.size());
}

namespace detail {

bool is_kept(const void* weight) {
    Registry& all = registry();
    if (all.count == 0) return false;
    const std::lock_guard lock(all.mutex);
    return all.keeps(weight);
}

Tensor kept_packed(const PackedFrom& from) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    const auto found = all.packed.find(from);
    return found == all.packed.end() ? Tensor() : found->second;
}

void keep_packed(const PackedFrom& from, const Tensor& packed) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (all.keeps(from.data)) all.packed.emplace(from, packed);
}

}  // namespace detail

}  // namespace swingrad

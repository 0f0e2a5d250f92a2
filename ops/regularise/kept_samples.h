// Which samples of a batch drop path keeps (ops/regularise/drop_path.cpp), in order.
#pragma once

#include "core/tensor.h"

#include <numeric>
#include <vector>

namespace swingrad {

struct KeptSamples {
    std::vector<int64_t> sample;  // [K]: the k-th that is kept, those with keep_b != 0
    std::vector<int64_t> place;   // [B]: which of these sample b is; -1 where it is dropped

    // All of B samples.
    explicit KeptSamples(int64_t B) : sample(static_cast<size_t>(B)), place(static_cast<size_t>(B)) {
        std::iota(sample.begin(), sample.end(), 0);
        std::iota(place.begin(), place.end(), 0);
    }
    // `keep` [B] may lie on a device, which is waited for then.
    explicit KeptSamples(const Tensor& keep) {
        for (const double factor : keep.on_cpu().values()) {
            place.push_back(factor == 0 ? -1 : count());
            if (factor != 0) sample.push_back(static_cast<int64_t>(place.size()) - 1);
        }
    }
    int64_t count() const { return static_cast<int64_t>(sample.size()); }
};

}  // namespace swingrad

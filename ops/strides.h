// Index arithmetic of the operations that read or write elements in another order.
#pragma once

#include "core/shape.h"
#include "cuda/toolkit/axes.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// How far apart neighbours along each axis are, in elements. [2, 3, 4] -> (12, 4, 1)
inline std::vector<int64_t> strides_of(const std::vector<int64_t>& sizes) {
    std::vector<int64_t> strides(sizes.size(), 1);
    for (size_t axis = sizes.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * sizes[axis];
    return strides;
}

// index_0 strides_0 + index_1 strides_1 + ... for every index below `sizes`, the last axis running fastest.
// No axes: one offset, 0.
inline std::vector<int64_t> offsets(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
    std::vector<int64_t> all{0};
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
        std::vector<int64_t> longer;
        longer.reserve(all.size() * static_cast<size_t>(sizes[axis]));
        for (const int64_t offset : all)
            for (int64_t i = 0; i < sizes[axis]; ++i) longer.push_back(offset + i * strides[axis]);
        all = std::move(longer);
    }
    return all;
}

// The same for a kernel: without axes of size 1, and with neighbouring axes that step alike as one. No more than
// Shape::max_rank axes.
inline cuda::Axes axes_of(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
    static_assert(cuda::Axes::most >= Shape::max_rank);
    cuda::Axes axes;
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
        if (sizes[axis] == 1) continue;
        if (axes.count > 0 && axes.strides[axes.count - 1] == strides[axis] * sizes[axis]) {
            axes.sizes[axes.count - 1] *= sizes[axis];
            axes.strides[axes.count - 1] = strides[axis];
        } else {
            axes.sizes[axes.count] = sizes[axis];
            axes.strides[axes.count++] = strides[axis];
        }
    }
    return axes;
}

}  // namespace swingrad

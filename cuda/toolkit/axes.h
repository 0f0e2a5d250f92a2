// Where elements lie in memory by an index over several axes. Passed to kernels by value, so that no table has to be
// made and copied.
#pragma once

#include "core/host_device.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swingrad::cuda {

struct Axes {
    static constexpr int most = 8;  // a tensor has no more

    int count = 0;
    int64_t sizes[most] = {};    // the last axis runs fastest
    int64_t strides[most] = {};  // how far apart neighbours along an axis are, in elements

    // Those of a tensor: [2, 3, 4] has strides (12, 4, 1).
    template <class Sizes>
    static Axes of(const Sizes& shape) {
        Axes axes;
        for (const int64_t size : shape) axes.add(size, 1);
        for (int axis = axes.count; axis-- > 1;) axes.strides[axis - 1] = axes.strides[axis] * axes.sizes[axis];
        return axes;
    }
    // Those of a large tensor, with the strides that they have in a small one that is repeated to it: 0 for an axis of
    // size 1 or missing in front (ops/reduce/broadcast.cpp). At least one axis.
    template <class Sizes>
    static Axes repeated(const Sizes& small, const Sizes& large) {
        const Axes small_axes = of(small);
        Axes axes;
        for (int axis = -large.rank(); axis < 0; ++axis) {
            const bool kept = -axis <= small.rank() && small[axis] == large[axis];
            axes.add(large[axis], kept ? small_axes.strides[small.rank() + axis] : 0);
        }
        if (axes.count == 0) axes.add(1, 1);
        return axes;
    }
    std::span<const int64_t> shape() const { return {sizes, static_cast<size_t>(count)}; }
    // A further axis, after those that there are.
    void add(int64_t size, int64_t stride) {
        sizes[count] = size;
        strides[count++] = stride;
    }
    // The same offsets from fewer axes: without those of size 1, and with neighbours that step alike as one.
    Axes merged() const {
        Axes fewer;
        for (int axis = 0; axis < count; ++axis) {
            const int last = fewer.count - 1;
            if (sizes[axis] == 1) continue;
            if (last < 0 || fewer.strides[last] != strides[axis] * sizes[axis]) {
                fewer.add(sizes[axis], strides[axis]);
            } else {
                fewer.sizes[last] *= sizes[axis];
                fewer.strides[last] = strides[axis];
            }
        }
        return fewer;
    }

    // index_0 strides_0 + index_1 strides_1 + ... of the flat index over all sizes.
    SWINGRAD_HOST_DEVICE int64_t offset_of(int64_t index) const {
        int64_t offset = 0;
        for (int axis = count; axis-- > 0;) {
            offset += index % sizes[axis] * strides[axis];
            index /= sizes[axis];
        }
        return offset;
    }
    // How many indices there are.
    SWINGRAD_HOST_DEVICE int64_t indices() const {
        int64_t product = 1;
        for (int axis = 0; axis < count; ++axis) product *= sizes[axis];
        return product;
    }
    // Of a row, which is what the last axis has. Of no axes: one element.
    int64_t row_size() const { return count > 0 ? sizes[count - 1] : 1; }
    int64_t row_stride() const { return count > 0 ? strides[count - 1] : 1; }
    // The offset of each row's first element: offset_of without its divisions, for loops on the CPU.
    std::vector<int64_t> row_offsets() const {
        std::vector<int64_t> offsets{0};
        for (int axis = 0; axis < count - 1; ++axis) {
            std::vector<int64_t> more;
            more.reserve(offsets.size() * static_cast<size_t>(sizes[axis]));
            for (const int64_t offset : offsets)
                for (int64_t i = 0; i < sizes[axis]; ++i) more.push_back(offset + i * strides[axis]);
            offsets = std::move(more);
        }
        return offsets;
    }
};

}  // namespace swingrad::cuda

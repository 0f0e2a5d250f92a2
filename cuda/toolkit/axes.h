// Where elements lie in memory by an index over several axes, as kernels are told it: passed by value, so that no table
// has to be made and copied.
#pragma once

#include "core/host_device.h"

#include <cstdint>

namespace swingrad::cuda {

struct Axes {
    static constexpr int most = 8;  // a tensor has no more

    int count = 0;
    int64_t sizes[most] = {};    // the last axis runs fastest
    int64_t strides[most] = {};  // how far apart neighbours along an axis are, in elements

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
};

}  // namespace swingrad::cuda

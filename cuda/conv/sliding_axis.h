// How a kernel slides along one axis of a map: what convolutions and pools share. Their two axes are two of these.
#pragma once

#include "core/host_device.h"

#include <cstdint>

namespace swingrad {

// [begin, end)
struct IndexRange {
    int64_t begin, end;
};

// A kernel has `kernel` places side by side and takes positions 0, 1, 2, ..., `stride` elements apart. At the first of
// them it begins `padding` elements before the map, which has `size`; at the last it ends at most as many behind it.
struct SlidingAxis {
    int64_t size, kernel, stride, padding;

    SWINGRAD_HOST_DEVICE int64_t positions() const { return (size + 2 * padding - kernel) / stride + 1; }

    // The element under a place of the kernel: on the map where it is in [0, size).
    SWINGRAD_HOST_DEVICE int64_t element(int64_t position, int64_t place) const {
        return position * stride - padding + place;
    }
    // The place that an element has in the kernel at a position.
    SWINGRAD_HOST_DEVICE int64_t place(int64_t position, int64_t element) const {
        return element + padding - position * stride;
    }
    // The places that are on the map when the kernel is at a position.
    SWINGRAD_HOST_DEVICE IndexRange places_inside(int64_t position) const {
        const int64_t first = element(position, 0), rest = size - first;
        return {first < 0 ? -first : 0, rest < kernel ? rest : kernel};
    }
    // The positions at which the kernel is over an element: those with 0 <= place < kernel.
    SWINGRAD_HOST_DEVICE IndexRange positions_over(int64_t element) const {
        const int64_t before = element + padding - kernel, end = (element + padding) / stride + 1;
        return {before < 0 ? 0 : before / stride + 1, end < positions() ? end : positions()};
    }
};

}  // namespace swingrad

// What operations along one axis share: a tensor seen around it, and the look at indices into it.
#pragma once

#include "core/tensor.h"

#include <string_view>
#include <vector>

namespace swingrad {

// A shape seen around one of its axes: [outer, size, inner], where the axes before it are one, and those after it.
struct AroundAxis {
    int axis;  // counted from 0
    int64_t outer, size, inner;
};

// `axis` may be negative: it counts from the end. Throws an Error where the shape has no such axis.
AroundAxis around_axis(std::string_view op, const Shape& shape, int axis);

// The shape with a further axis of this size at `axis`, counted from 0, and the shape without that axis.
Shape with_axis(const Shape& shape, int axis, int64_t size);
Shape without_axis(const Shape& shape, int axis);

// Throws an Error unless index is int64 and, where it lies on the CPU, each of its elements is in [0, size). On a
// device they cannot be looked at in time: what an operation reads there by an index out of range is NaN, and of its
// gradient nothing arrives anywhere.
void check_index(std::string_view op, const Tensor& index, int64_t size);

}  // namespace swingrad

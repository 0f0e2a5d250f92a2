// How a kernel, a convolution's or a pool's, slides over the rows and columns of a map: what these operations check and
// keep.
#pragma once

#include "core/extent.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "cuda/conv/sliding_axis.h"

#include <string_view>

namespace swingrad {

struct Sliding {
    Extent kernel, stride, padding;

    // The kernel of conv2d's weight. Throws an Error unless its operands fit.
    static Sliding of_weight(const Tensor& x, const Tensor& weight, const Tensor& bias, Extent stride, Extent padding,
                             int64_t groups);

    SlidingAxis rows(const Shape& map) const { return {map[1], kernel.rows, stride.rows, padding.rows}; }
    SlidingAxis columns(const Shape& map) const { return {map[2], kernel.columns, stride.columns, padding.columns}; }

    // The shape of what `op` makes of a map [B, H, W, C]: channels numbers at every position of the kernel. Throws an
    // Error unless the kernel has a position.
    Shape shape_over(std::string_view op, const Shape& map, int64_t channels) const;
};

}  // namespace swingrad

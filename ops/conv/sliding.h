// How a kernel, a convolution's or a pool's, slides over the rows and columns of a map: what these operations check and
// keep.
#pragma once

#include "core/shape.h"
#include "core/tensor.h"
#include "cuda/conv/conv2d.h"
#include "ops/operation.h"

#include <string_view>

namespace swingrad {

struct Sliding {
    Extent kernel, stride, padding;

    // The kernel of conv2d's weight. Throws an Error unless its operands fit.
    static Sliding of_weight(const Tensor& x, const Tensor& weight, const Tensor& bias, Extent stride, Extent padding,
                             int64_t groups);

    SlidingAxis rows(const Shape& map) const { return {map[1], kernel.rows, stride.rows, padding.rows}; }
    SlidingAxis columns(const Shape& map) const { return {map[2], kernel.columns, stride.columns, padding.columns}; }

    // The sizes and operands that conv2d's forward and backward share.
    template <class T>
    Conv2dOp<T> operands(const Tensor& x, const Tensor& weight) const {
        const int64_t B = x.shape()[0], I = x.shape()[3], O = weight.shape()[0], groups = I / weight.shape()[1];
        return {B, I, O, groups, rows(x.shape()), columns(x.shape()), ptr(x), ptr(weight)};
    }

    // The shape of what `op` makes of a map [B, H, W, C]: channels numbers at every position of the kernel. Throws an
    // Error unless the kernel has a position.
    Shape shape_over(std::string_view op, const Shape& map, int64_t channels) const;
};

}  // namespace swingrad

// The arguments of affine and scale, for plain loops and kernels alike. Mathematics: ops/pointwise/affine.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// y_i = factor x_i + offset. With dy for x, dx for y and no offset, the backward pass too.
template <class T>
struct AffineOp {
    int64_t count;
    double factor;
    double offset = -0.0;  // which leaves every number as it is, -0 too
    const T* x = nullptr;  // [count], as is y
    T* y = nullptr;

    void forward() const;         // ops/pointwise/affine.cpp
    void forward_kernel() const;  // cuda/pointwise/affine.cu
};

}  // namespace swingrad

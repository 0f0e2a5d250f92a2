// The arguments of permute, for plain loops and kernels alike. Mathematics: ops/layout/layout.cpp.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/axes.h"

#include <cstdint>

namespace swingrad {

// With dy for x and dx for y, and the inverse order of axes, the backward pass too.
template <class T>
struct PermuteOp {
    cuda::Axes axes;  // of y, with the strides that they have in x
    const T* x = nullptr;
    T* y = nullptr;

    void forward() const;         // ops/layout/layout.cpp
    void forward_kernel() const;  // cuda/layout/layout.cu
};

namespace cuda {

// y[i] = x[x_axes.offset_of(i)] for all i below x_axes.indices(): what permute and broadcast_to are on a device.
template <class T>
void strided_copy(const Axes& x_axes, const T* x, T* y);

}  // namespace cuda

}  // namespace swingrad

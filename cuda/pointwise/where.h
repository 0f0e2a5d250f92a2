// The arguments of where, for plain loops and kernels alike. Mathematics: ops/pointwise/where.cpp.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/joint_axes.h"

#include <cstdint>

namespace swingrad {

// y_i = a_i where condition_i is not 0, else b_i. The gradients are made of the same.
template <class T>
struct WhereOp {
    int64_t count;                 // of y
    cuda::JointAxes<3> axes = {};  // of condition, a and b, repeated to y's shape; none where all have it
    const uint8_t* condition = nullptr;
    const T *a = nullptr, *b = nullptr;
    T* y = nullptr;  // [count]

    void forward() const;         // ops/pointwise/where.cpp
    void forward_kernel() const;  // cuda/pointwise/where.cu
};

}  // namespace swingrad

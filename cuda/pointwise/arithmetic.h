// The arguments of add, subtract, multiply and divide, for plain loops and kernels alike. Mathematics:
// ops/pointwise/arithmetic.cpp.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/joint_axes.h"

#include <cstdint>

namespace swingrad {

// ---- f(a, b)

struct Plus {
    template <class A>
    SWINGRAD_HOST_DEVICE static A value(A a, A b) {
        return a + b;
    }
};
struct Minus {
    template <class A>
    SWINGRAD_HOST_DEVICE static A value(A a, A b) {
        return a - b;
    }
};
struct Times {
    template <class A>
    SWINGRAD_HOST_DEVICE static A value(A a, A b) {
        return a * b;
    }
};
struct Over {
    template <class A>
    SWINGRAD_HOST_DEVICE static A value(A a, A b) {
        return a / b;
    }
};
struct MinusTimes {
    template <class A>
    SWINGRAD_HOST_DEVICE static A value(A a, A b) {
        return -(a * b);
    }
};

// y_i = f(a_i, b_i). F: one of the above. y may be a or b where neither is repeated. Gradients are made of the same.
template <class F, class T>
struct BinaryOp {
    int64_t count;                 // of y
    cuda::JointAxes<2> axes = {};  // of a and b, repeated to y's shape; none where both have it
    const T *a = nullptr, *b = nullptr;
    T* y = nullptr;  // [count]

    void forward() const;         // ops/pointwise/arithmetic.cpp
    void forward_kernel() const;  // cuda/pointwise/arithmetic.cu
};

}  // namespace swingrad

// The arguments of add, subtract, multiply and scale, for plain loops and kernels alike. Mathematics:
// ops/pointwise/arithmetic.cpp.
#pragma once

#include "core/element.h"
#include "core/scalar.h"

#include <cstdint>

namespace swingrad {

// y_i = f(a_i, b_i). F: Plus, Minus or Times (core/scalar.h). y may be a or b. Gradients are made of the same three.
template <class F, class T>
struct BinaryOp {
    int64_t count;
    const T *a = nullptr, *b = nullptr;  // [count], as is y
    T* y = nullptr;

    void forward() const;         // ops/pointwise/arithmetic.cpp
    void forward_kernel() const;  // cuda/pointwise/arithmetic.cu
};

// y_i = factor x_i. With dy for x and dx for y, the backward pass too.
template <class T>
struct ScaleOp {
    int64_t count;
    double factor;
    const T* x = nullptr;  // [count], as is y
    T* y = nullptr;

    void forward() const;
    void forward_kernel() const;
};

}  // namespace swingrad

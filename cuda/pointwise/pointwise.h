// The arguments of functions of single elements, for plain loops and kernels alike. Mathematics:
// ops/pointwise/pointwise.cpp.
#pragma once

#include "core/element.h"
#include "core/scalar.h"

#include <cstdint>

namespace swingrad {

// y_i = f(x_i). F: a struct of core/scalar.h, such as Gelu.
template <class F, class T>
struct PointwiseOp {
    int64_t count;
    F f;                    // empty, but for Pow's exponent
    const T* x = nullptr;   // [count], as are the others
    T* y = nullptr;         // forward's alone
    const T* dy = nullptr;  // this and dx: backward's alone
    T* dx = nullptr;

    void forward() const;  // ops/pointwise/pointwise.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/pointwise/pointwise.cu
    void backward_kernel() const;
};

}  // namespace swingrad

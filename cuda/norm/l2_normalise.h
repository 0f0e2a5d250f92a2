// The arguments of l2_normalise, for plain loops and kernels alike. Mathematics: ops/norm/l2_normalise.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct L2NormaliseOp {
    using A = acc_type<T>;

    int64_t rows, C;
    double eps;
    const T* x = nullptr;   // [rows, C]
    T* y = nullptr;         // [rows, C]; forward's alone
    A* norm = nullptr;      // [rows]; written by forward, read by backward
    const T* dy = nullptr;  // [rows, C]; backward's alone
    T* dx = nullptr;        // [rows, C]; backward's alone

    void forward() const;  // ops/norm/l2_normalise.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/norm/l2_normalise.cu
    void backward_kernel() const;
};

}  // namespace swingrad

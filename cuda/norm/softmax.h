// The arguments of softmax, for plain loops and kernels alike. Mathematics: ops/norm/softmax.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct SoftmaxOp {
    using A = acc_type<T>;

    int64_t rows, C;
    const T* x = nullptr;   // [rows, C]; forward's alone
    T* y = nullptr;         // [rows, C]; written by forward, read by backward
    const T* dy = nullptr;  // [rows, C]; backward's alone
    T* dx = nullptr;        // [rows, C]; backward's alone

    void forward() const;  // ops/norm/softmax.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/norm/softmax.cu
    void backward_kernel() const;
};

}  // namespace swingrad

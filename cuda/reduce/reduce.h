// The arguments of sum and mean, for plain loops and kernels alike. Mathematics: ops/reduce/reduce.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct SumOp {
    using A = acc_type<T>;

    int64_t count;
    double factor;          // 1, or 1 / count for the mean
    const T* x = nullptr;   // [count]; forward's alone
    A* y = nullptr;         // [1]; forward's alone
    const A* dy = nullptr;  // [1]; this and dx: backward's alone
    T* dx = nullptr;        // [count]

    void forward() const;  // ops/reduce/reduce.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/reduce/reduce.cu
    void backward_kernel() const;
};

}  // namespace swingrad

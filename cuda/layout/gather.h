// The arguments of gather, for plain loops and kernels alike. Mathematics: ops/layout/gather.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// To kernels an index that is not in 0..size-1 makes its element of y NaN, and its dy goes nowhere; plain loops expect
// none.
template <class T>
struct GatherOp {
    using A = acc_type<T>;

    int64_t outer, size, picks, inner;  // before the axis, along it in x and in index, after it
    const T* x = nullptr;               // [outer, size, inner]; forward's alone
    const int64_t* index = nullptr;     // [outer, picks, inner]
    T* y = nullptr;                     // [outer, picks, inner]; forward's alone
    const T* dy = nullptr;              // [outer, picks, inner]; this and dx: backward's alone
    T* dx = nullptr;                    // [outer, size, inner]

    void forward() const;  // ops/layout/gather.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/layout/gather.cu
    void backward_kernel() const;
};

}  // namespace swingrad

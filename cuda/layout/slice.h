// The arguments of slice and concat, for plain loops and kernels alike. Mathematics: ops/layout/slice.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// A part of a whole: of each row of C elements those from `begin` on, `width` of them.
struct Part {
    int64_t rows, C, begin, width;
};

template <class T>
struct SliceOp {
    Part part;
    const T* x = nullptr;   // [rows, C]; forward's alone
    T* y = nullptr;         // [rows, width]; forward's alone
    const T* dy = nullptr;  // [rows, width]; this and dx: backward's alone
    T* dx = nullptr;        // [rows, C]

    void forward() const;  // ops/layout/slice.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/layout/slice.cu
    void backward_kernel() const;
};

// One of concat's parts, put into its place. Backward is SliceOp's forward.
template <class T>
struct ConcatOp {
    Part part;
    const T* x = nullptr;  // [rows, width]
    T* y = nullptr;        // [rows, C], of which the part is written

    void forward() const;         // ops/layout/slice.cpp
    void forward_kernel() const;  // cuda/layout/slice.cu
};

}  // namespace swingrad

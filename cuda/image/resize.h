// The arguments of resize, for plain loops and kernels alike. Mathematics: ops/image/resize.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// A matrix of few entries. Row j has weight[e] in column[e], for e from first[j] to first[j + 1] - 1.
template <class A>
struct SparseMatrix {
    int64_t rows;
    const int32_t *first, *column;  // [rows + 1], [entries]
    const A* weight;                // [entries]
};

// y = R x S^T, for each image and channel. Backward is the same with R^T and S^T, of dy for x and dx for y.
template <class T>
struct ResizeOp {
    using A = acc_type<T>;

    int64_t B, H, W, C;    // of x
    SparseMatrix<A> R, S;  // [H', H], [W', W]
    const T* x = nullptr;  // [B, H, W, C]
    T* y = nullptr;        // [B, H', W', C]

    void forward() const;         // ops/image/resize.cpp
    void forward_kernel() const;  // cuda/image/resize.cu
};

}  // namespace swingrad

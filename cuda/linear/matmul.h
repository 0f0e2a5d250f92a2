// The arguments of matmul, for plain loops and kernels alike. Mathematics: ops/linear/matmul.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct MatmulOp {
    using A = acc_type<T>;

    int64_t batch, M, K, N;  // batch: matrices of each kind, one after the other
    const T* a = nullptr;    // [batch, M, K]
    const T* b = nullptr;    // [batch, K, N]
    T* y = nullptr;          // [batch, M, N]
    // backward's alone; a gradient that is not asked for is null
    const T* dy = nullptr;  // [batch, M, N]
    T* da = nullptr;        // [batch, M, K]
    T* db = nullptr;        // [batch, K, N]

    int64_t multiply_adds() const { return batch * M * K * N; }  // ops/cost_log.h

    void forward() const;  // ops/linear/matmul.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/linear/matmul.cu
    void backward_kernel() const;
};

}  // namespace swingrad

// The arguments of residual_norm, for plain loops and kernels alike. Mathematics: ops/norm/residual_norm.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct ResidualNormOp {
    using A = acc_type<T>;

    int64_t B, K, N, C;              // x has B samples of N rows, y has K of them
    const int64_t* place = nullptr;  // [B]: y's sample for x's sample b, or -1; kernels do not read it: K = B
    double eps = 0;                  // forward's alone
    const T* x = nullptr;            // [B, N, C]; forward's alone
    const T* y = nullptr;            // [K, N, C]
    const A *weight = nullptr, *bias = nullptr;  // [C]; bias is forward's alone
    const A* keep = nullptr;                     // [B]; null: 1
    T* out = nullptr;                            // [B, N, C]
    A *mean = nullptr, *rstd = nullptr;          // [K, N]; written by forward, read by backward
    // backward's alone; dx is dout
    const T* dout = nullptr;                 // [B, N, C]
    T* dy = nullptr;                         // [K, N, C]
    A *dweight = nullptr, *dbias = nullptr;  // [C]

    int64_t multiply_adds() const { return K * N * C; }  // ops/cost_log.h

    void forward() const;  // ops/norm/residual_norm.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/norm/residual_norm.cu
    void backward_kernel() const;
};

}  // namespace swingrad

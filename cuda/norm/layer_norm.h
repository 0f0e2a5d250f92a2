// The arguments of layer_norm, for plain loops and kernels alike. Mathematics: ops/norm/layer_norm.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct LayerNormOp {
    using A = acc_type<T>;

    int64_t rows, C;
    double eps = 0;                              // forward's alone
    const T* x = nullptr;                        // [rows, C]
    const A *weight = nullptr, *bias = nullptr;  // [C]; bias is forward's alone
    T* y = nullptr;                              // [rows, C]
    A *mean = nullptr, *rstd = nullptr;          // [rows]; written by forward, read by backward
    // backward's alone
    const T* dy = nullptr;                   // [rows, C]
    T* dx = nullptr;                         // [rows, C]
    A *dweight = nullptr, *dbias = nullptr;  // [C]

    int64_t multiply_adds() const { return rows * C; }  // ops/cost_log.h

    void forward() const;  // ops/norm/layer_norm.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/norm/layer_norm.cu
    void backward_kernel() const;
};

}  // namespace swingrad

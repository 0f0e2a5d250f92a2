// The arguments of mlp, for plain loops and kernels alike. Mathematics: ops/linear/mlp.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct MlpOp {
    using A = acc_type<T>;

    int64_t rows, C, U, O;       // C numbers in, U hidden units, O numbers out a row
    const T* x = nullptr;        // [rows, C]
    const T* weight1 = nullptr;  // [U, C]
    const A* bias1 = nullptr;    // [U]; forward's alone
    const T* weight2 = nullptr;  // [O, U]
    const A* bias2 = nullptr;    // [O]; forward's alone
    T* a = nullptr;  // [rows, U]; written by forward, read by backward; null where there will be no backward
    T* y = nullptr;  // [rows, O]
    // backward's alone
    const T* dy = nullptr;  // [rows, O]
    T* dx = nullptr;        // [rows, C]
    T* dweight1 = nullptr;  // [U, C]
    A* dbias1 = nullptr;    // [U]
    T* dweight2 = nullptr;  // [O, U]
    A* dbias2 = nullptr;    // [O]

    int64_t multiply_adds() const { return rows * U * (C + O); }  // ops/cost_log.h

    void forward() const;  // ops/linear/mlp.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/linear/mlp.cu
    void backward_kernel() const;
};

}  // namespace swingrad

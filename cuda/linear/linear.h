// The arguments of linear, for plain loops and kernels alike. Mathematics: ops/linear/linear.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct LinearOp {
    using A = acc_type<T>;

    int64_t rows, I, O;         // I numbers in and O numbers out a row
    const T* x = nullptr;       // [rows, I]
    const T* weight = nullptr;  // [O, I]
    const A* bias = nullptr;    // [O]; null: none
    T* y = nullptr;             // [rows, O]
    // backward's alone; a gradient that is not asked for is null
    const T* dy = nullptr;  // [rows, O]
    T* dx = nullptr;        // [rows, I]
    T* dweight = nullptr;   // [O, I]
    A* dbias = nullptr;     // [O]

    int64_t multiply_adds() const { return rows * I * O; }  // ops/cost_log.h

    void forward() const;  // ops/linear/linear.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/linear/linear.cu
    void backward_kernel() const;
};

}  // namespace swingrad

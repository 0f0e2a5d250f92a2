// The arguments of qkv_bias, for plain loops and kernels alike. Mathematics: ops/attention/qkv_bias.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct QkvBiasOp {
    int64_t C;
    const T *q = nullptr, *v = nullptr;  // [C]; q, v and y: forward's alone
    T* y = nullptr;                      // [3C]
    const T* dy = nullptr;               // [3C]; dy, dq and dv: backward's alone
    T *dq = nullptr, *dv = nullptr;      // [C]

    void forward() const;  // ops/attention/qkv_bias.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/attention/qkv_bias.cu
    void backward_kernel() const;
};

}  // namespace swingrad

// The arguments of mask_tokens, for plain loops and kernels alike. Mathematics: ops/image/mask_tokens.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct MaskTokensOp {
    using A = acc_type<T>;

    int64_t rows, C;           // rows: B H W
    const T* x = nullptr;      // [rows, C]; x, token and y: forward's alone
    const A* token = nullptr;  // [C]
    const T* mask = nullptr;   // [rows]; what is not 0 counts as 1
    T* y = nullptr;            // [rows, C]
    const T* dy = nullptr;     // [rows, C]; this and what follows: backward's alone
    T* dx = nullptr;           // [rows, C], or null: not asked for
    A* dtoken = nullptr;       // [C], or null

    void forward() const;  // ops/image/mask_tokens.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/image/mask_tokens.cu
    void backward_kernel() const;
};

}  // namespace swingrad

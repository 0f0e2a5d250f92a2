// The arguments of relative_bias, for plain loops and kernels alike. Mathematics: ops/attention/relative_bias.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct RelativeBiasOp {
    using A = acc_type<T>;

    int64_t heads, Mh, Mw;              // window: Mh x Mw tokens, N = Mh Mw
    const int32_t* position = nullptr;  // [N]; with centre, ops/window.h's
    int32_t centre = 0;
    const T* table = nullptr;  // [(2 Mh - 1)(2 Mw - 1), heads]; table and y: forward's alone
    T* y = nullptr;            // [heads, N, N]
    const T* dy = nullptr;     // as y; dy and dtable: backward's alone
    T* dtable = nullptr;       // as table

    void forward() const;  // ops/attention/relative_bias.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/attention/relative_bias.cu
    void backward_kernel() const;
};

}  // namespace swingrad

// The arguments of broadcast_to and sum_to, for plain loops and kernels alike. Mathematics: ops/reduce/broadcast.cpp.
#pragma once

#include "core/element.h"
#include "cuda/toolkit/axes.h"

#include <cstdint>

namespace swingrad {

// broadcast_to is forward, with sum_to for its backward; sum_to is backward, with broadcast_to for its.
template <class T>
struct BroadcastOp {
    cuda::Axes axes;        // of the large tensor, with the strides they have in the small one, 0 for a repeated axis
    int64_t small;          // elements of the small tensor
    const T* x = nullptr;   // small; forward's alone
    T* y = nullptr;         // large; forward's alone
    const T* dy = nullptr;  // large; this and dx: backward's alone
    T* dx = nullptr;        // small

    void forward() const;  // ops/reduce/broadcast.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/reduce/broadcast.cu
    void backward_kernel() const;
};

}  // namespace swingrad

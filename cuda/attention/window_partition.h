// The arguments of window_partition and window_reverse, for plain loops and kernels alike. Mathematics:
// ops/attention/window_partition.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// window_partition's: forward cuts x into windows y, backward puts dy together to dx. window_reverse is the backward of
// it, and takes its forward for its own backward.
template <class T>
struct WindowPartitionOp {
    int64_t B, tokens, slots, C;      // of an image: tokens H W, and slots for them in windows, nW N
    const int32_t* source = nullptr;  // [slots]: the token of the map that is in a slot, or padding where negative
    const T* x = nullptr;             // [B, tokens, C]
    T* y = nullptr;                   // [B, slots, C]
    const T* dy = nullptr;            // as y
    T* dx = nullptr;                  // as x

    void forward() const;  // ops/attention/window_partition.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/attention/window_partition.cu
    void backward_kernel() const;
};

}  // namespace swingrad

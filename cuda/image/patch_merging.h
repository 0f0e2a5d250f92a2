// The arguments of patch_merging, for plain loops and kernels alike. Mathematics: ops/image/patch_merging.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct PatchMergingOp {
    int64_t B, H, W, C;     // of x
    const T* x = nullptr;   // [B, H, W, C]; x and y: forward's alone
    T* y = nullptr;         // [B, ceil(H/2), ceil(W/2), 4 C]
    const T* dy = nullptr;  // as y; dy and dx: backward's alone
    T* dx = nullptr;        // as x

    void forward() const;  // ops/image/patch_merging.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/image/patch_merging.cu
    void backward_kernel() const;
};

}  // namespace swingrad

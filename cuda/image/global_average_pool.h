// The arguments of global_average_pool, for plain loops and kernels. Mathematics: ops/image/global_average_pool.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct GlobalAveragePoolOp {
    using A = acc_type<T>;

    int64_t B, positions, C;  // positions: H W
    const T* x = nullptr;     // [B, positions, C]; x and y: forward's alone
    T* y = nullptr;           // [B, C]
    const T* dy = nullptr;    // [B, C]; dy and dx: backward's alone
    T* dx = nullptr;          // [B, positions, C]

    void forward() const;  // ops/image/global_average_pool.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/image/global_average_pool.cu
    void backward_kernel() const;
};

}  // namespace swingrad

// The arguments of continuous_position_bias, for plain loops and kernels. Mathematics:
// ops/attention/continuous_position_bias.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// All in acc_type: a relative position bias table is never in bfloat16.
template <class T>
struct ContinuousPositionBiasOp {
    using A = acc_type<T>;

    int64_t R, U, h;
    const A* coordinates = nullptr;                                 // [R, 2]
    const A* weight1 = nullptr;                                     // [U, 2]; weight1 and bias1: forward's alone
    const A* bias1 = nullptr;                                       // [U]
    const A* weight2 = nullptr;                                     // [h, U]
    A *hidden = nullptr, *y = nullptr;                              // [R, U], [R, h]; read by backward
    const A* dy = nullptr;                                          // [R, h]; this and what follows: backward's
    A *dweight1 = nullptr, *dbias1 = nullptr, *dweight2 = nullptr;  // as weight1, bias1 and weight2

    void forward() const;  // ops/attention/continuous_position_bias.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/attention/continuous_position_bias.cu
    void backward_kernel() const;
};

}  // namespace swingrad

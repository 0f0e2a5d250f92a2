// Kernels of ops/attention/continuous_position_bias.cpp. W: float or double.
#pragma once

#include <cstdint>

namespace swingrad::cuda {

// coordinates [R, 2], weight1 [U, 2], bias1 [U], weight2 [h, U] -> hidden [R, U], y [R, h]
template <class W>
void continuous_position_bias_forward(int64_t R, int64_t U, int64_t h, const W* coordinates, const W* weight1,
                                      const W* bias1, const W* weight2, W* hidden, W* y);

template <class W>
void continuous_position_bias_backward(int64_t R, int64_t U, int64_t h, const W* coordinates, const W* weight2,
                                       const W* hidden, const W* y, const W* dy, W* dweight1, W* dbias1, W* dweight2);

}  // namespace swingrad::cuda

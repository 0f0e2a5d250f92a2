// Kernel of ops/image/resize.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// A matrix of few entries, R or S: row j has weight[k] in column from[k], for k in [first[j], first[j + 1]). W: float
// or double.
template <class W>
struct Taps {
    int64_t rows;
    const int32_t *first, *from;  // [rows + 1], [entries]
    const W* weight;              // [entries]
};

// y = R x S^T; x [B, H, W, C], y [B, R.rows, S.rows, C].
template <class T>
void resize(int64_t B, int64_t H, int64_t W, int64_t C, const Taps<acc_type<T>>& R, const Taps<acc_type<T>>& S, const T* x,
            T* y);

}  // namespace swingrad::cuda

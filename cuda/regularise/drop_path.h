// The arguments of drop_path and drop_path_keep, for plain loops and kernels alike. Mathematics:
// ops/regularise/drop_path.cpp.
#pragma once

#include "core/element.h"
#include "core/random.h"

#include <cstdint>

namespace swingrad {

// With dy for x and dx for y, the backward pass too.
template <class T>
struct DropPathOp {
    int64_t B, elements;                // of a sample
    const T* x = nullptr;               // [B, elements]
    const acc_type<T>* keep = nullptr;  // [B]
    T* y = nullptr;                     // [B, elements]

    void forward() const;         // ops/regularise/drop_path.cpp
    void forward_kernel() const;  // cuda/regularise/drop_path.cu
};

// T: float or double.
template <class T>
struct DropPathKeepOp {
    int64_t B;
    double q;  // the probability of being kept
    Random random;
    T* keep = nullptr;  // [B]

    void forward() const;
    void forward_kernel() const;
};

}  // namespace swingrad

// The arguments of dropout, for plain loops and kernels alike. Mathematics: ops/regularise/dropout.cpp.
#pragma once

#include "core/element.h"
#include "core/random.h"

#include <cstdint>

namespace swingrad {

// With dy for x and dx for y, the backward pass too.
template <class T>
struct DropoutOp {
    static constexpr int words_a_draw = 4;

    int64_t count;
    uint64_t bound;  // an element is kept where its word is below this
    double factor;   // of what is kept
    Random random;
    const T* x = nullptr;  // [count]
    T* y = nullptr;        // [count]

    void forward() const;         // ops/regularise/dropout.cpp
    void forward_kernel() const;  // cuda/regularise/dropout.cu
};

}  // namespace swingrad

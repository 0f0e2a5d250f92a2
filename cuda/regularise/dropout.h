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
    const int64_t* drawn = nullptr;  // [2], or null: seed and stream that take the place of `random`
    const T* x = nullptr;            // [count]
    T* y = nullptr;                  // [count]

    SWINGRAD_HOST_DEVICE Random source() const {
        return drawn ? Random{static_cast<uint64_t>(drawn[0]), static_cast<uint64_t>(drawn[1])} : random;
    }

    void forward() const;         // ops/regularise/dropout.cpp
    void forward_kernel() const;  // cuda/regularise/dropout.cu
};

}  // namespace swingrad

// The arguments of argmax, for plain loops and kernels alike. Mathematics: ops/reduce/argmax.cpp.
#pragma once

#include "core/element.h"
#include "core/host_device.h"

#include <cmath>
#include <cstdint>

namespace swingrad {

// Whether `a`, at place i, comes before `b`, at place j: the larger, of equals the first, and a NaN before any number.
template <class A>
SWINGRAD_HOST_DEVICE inline bool comes_before(A a, int64_t i, A b, int64_t j) {
    using std::isnan;
    const bool a_is_nan = isnan(a), b_is_nan = isnan(b);
    if (a_is_nan || b_is_nan) return a_is_nan && (!b_is_nan || i < j);
    return a > b || (a == b && i < j);
}

template <class T>
struct ArgmaxOp {
    using A = acc_type<T>;

    int64_t outer, size, inner;  // before the axis, along it, after it; size is not 0
    const T* x = nullptr;        // [outer, size, inner]
    int64_t* y = nullptr;        // [outer, inner]

    void forward() const;         // ops/reduce/argmax.cpp
    void forward_kernel() const;  // cuda/reduce/argmax.cu
};

}  // namespace swingrad

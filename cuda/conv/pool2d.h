// The arguments of max_pool2d and avg_pool2d, for plain loops and kernels alike. Mathematics: ops/conv/pool2d.cpp.
#pragma once

#include "core/element.h"
#include "cuda/conv/sliding_axis.h"

#include <cmath>

namespace swingrad {

enum class Pool : uint8_t { largest, mean };

template <class T>
struct Pool2dOp {
    using A = acc_type<T>;

    Pool pool;
    int64_t B, C;
    SlidingAxis rows, columns;  // of x, and how the kernel slides along them
    const T* x = nullptr;       // [B, H, W, C]; backward's too where the pool is the largest, else null there
    T* y = nullptr;             // [B, down, across, C]
    const T* dy = nullptr;      // as y
    T* dx = nullptr;            // as x

    SWINGRAD_HOST_DEVICE int64_t down() const { return rows.positions(); }  // rows and columns of y
    SWINGRAD_HOST_DEVICE int64_t across() const { return columns.positions(); }
    SWINGRAD_HOST_DEVICE A places() const { return static_cast<A>(rows.kernel * columns.kernel); }

    // x[b, m, n], and y[b, h, w].
    SWINGRAD_HOST_DEVICE int64_t x_at(int64_t b, int64_t m, int64_t n) const {
        return ((b * rows.size + m) * columns.size + n) * C;
    }
    SWINGRAD_HOST_DEVICE int64_t y_at(int64_t b, int64_t h, int64_t w) const {
        return ((b * down() + h) * across() + w) * C;
    }

    // Where in x the first largest number of a channel under the kernel at (h, w) is; a NaN counts as larger than any.
    SWINGRAD_HOST_DEVICE int64_t first_largest(int64_t b, int64_t h, int64_t w, int64_t c) const {
        using std::isnan;
        const IndexRange ks = rows.places_inside(h), ls = columns.places_inside(w);
        int64_t largest = x_at(b, rows.element(h, ks.begin), columns.element(w, ls.begin)) + c;
        for (int64_t k = ks.begin; k < ks.end; ++k)
            for (int64_t l = ls.begin; l < ls.end; ++l) {
                const int64_t at = x_at(b, rows.element(h, k), columns.element(w, l)) + c;
                const A number = widen(x[at]);
                if (number > widen(x[largest]) || isnan(number)) largest = at;
            }
        return largest;
    }

    void forward() const;  // ops/conv/pool2d.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/conv/pool2d.cu
    void backward_kernel() const;
};

}  // namespace swingrad

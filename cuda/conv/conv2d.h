// The arguments of conv2d, for plain loops and kernels alike. Mathematics: ops/conv/conv2d.cpp.
#pragma once

#include "core/element.h"
#include "cuda/conv/sliding_axis.h"

namespace swingrad {

template <class T>
struct Conv2dOp {
    using A = acc_type<T>;

    int64_t B, I, O, groups;
    SlidingAxis rows, columns;  // of x, and how the kernel slides along them
    const T* x = nullptr;       // [B, H, W, I]
    const T* weight = nullptr;  // [O, I / groups, kh, kw]
    const A* bias = nullptr;    // [O] or null; bias and y: forward's alone
    T* y = nullptr;             // [B, down, across, O]
    // backward's alone, each null where it is not asked for
    const T* dy = nullptr;  // as y
    T* dx = nullptr;        // as x
    T* dweight = nullptr;   // as weight
    A* dbias = nullptr;     // [O]

    SWINGRAD_HOST_DEVICE int64_t down() const { return rows.positions(); }  // rows and columns of y
    SWINGRAD_HOST_DEVICE int64_t across() const { return columns.positions(); }
    SWINGRAD_HOST_DEVICE int64_t pixels() const { return B * down() * across(); }  // of y
    // Of one group: channels in and out, and weights of a channel out.
    SWINGRAD_HOST_DEVICE int64_t group_in() const { return I / groups; }
    SWINGRAD_HOST_DEVICE int64_t group_out() const { return O / groups; }
    SWINGRAD_HOST_DEVICE int64_t taps() const { return group_in() * rows.kernel * columns.kernel; }

    // Where a pixel of y is, pixels being counted over all images.
    struct Position {
        int64_t b, h, w;
    };
    SWINGRAD_HOST_DEVICE Position position(int64_t pixel) const {
        return {pixel / across() / down(), pixel / across() % down(), pixel % across()};
    }
    // The first channel in that a channel out sees.
    SWINGRAD_HOST_DEVICE int64_t first_in(int64_t o) const { return o / group_out() * group_in(); }

    // y[b, h, w], and the first number of x[b, m, n] that channel o sees.
    SWINGRAD_HOST_DEVICE int64_t y_at(int64_t b, int64_t h, int64_t w) const {
        return ((b * down() + h) * across() + w) * O;
    }
    SWINGRAD_HOST_DEVICE int64_t x_at(int64_t b, int64_t m, int64_t n, int64_t o) const {
        return ((b * rows.size + m) * columns.size + n) * I + first_in(o);
    }
    // weight[o, i, k, l]
    SWINGRAD_HOST_DEVICE int64_t weight_at(int64_t o, int64_t i, int64_t k, int64_t l) const {
        return ((o * group_in() + i) * rows.kernel + k) * columns.kernel + l;
    }

    int64_t multiply_adds() const { return pixels() * O * taps(); }  // ops/cost_log.h

    void forward() const;  // ops/conv/conv2d.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/conv/conv2d.cu
    void backward_kernel() const;
};

}  // namespace swingrad

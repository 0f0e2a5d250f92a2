// The arguments of batch_norm, for plain loops and kernels alike. Mathematics: ops/norm/batch_norm.cpp.
#pragma once

#include "core/element.h"
#include "core/host_device.h"

#include <cmath>
#include <cstdint>

namespace swingrad {

template <class T>
struct BatchNormOp {
    using A = acc_type<T>;
    using L = long_sum_type<T>;

    int64_t rows, C;
    bool training;
    double momentum = 0, eps = 0;                       // these and the next two lines: forward's alone
    A *running_mean = nullptr, *running_var = nullptr;  // [C], or null in training: not kept
    const A* bias = nullptr;                            // [C]
    T* y = nullptr;                                     // [rows, C]
    const T* x = nullptr;                               // [rows, C]
    const A* weight = nullptr;                          // [C]
    A *mean = nullptr, *rstd = nullptr;                 // [C]; written by forward, read by backward
    // backward's alone
    const T* dy = nullptr;                   // [rows, C]
    T* dx = nullptr;                         // [rows, C]
    A *dweight = nullptr, *dbias = nullptr;  // [C]

    // A channel's statistics, from the batch: its mean, and the sum of squared differences from it.
    SWINGRAD_HOST_DEVICE void take_statistics(int64_t c, L mean_c, L squares) const {
        using std::sqrt;
        mean[c] = static_cast<A>(mean_c);
        rstd[c] = static_cast<A>(1 / sqrt(squares / static_cast<L>(rows) + static_cast<L>(eps)));
        if (!running_mean) return;
        const L unbiased = squares / static_cast<L>(rows - 1), share = static_cast<L>(momentum);
        running_mean[c] = static_cast<A>((1 - share) * running_mean[c] + share * mean_c);
        running_var[c] = static_cast<A>((1 - share) * running_var[c] + share * unbiased);
    }
    // The same from the running ones.
    SWINGRAD_HOST_DEVICE void take_running_statistics(int64_t c) const {
        using std::sqrt;
        mean[c] = running_mean[c];
        rstd[c] = static_cast<A>(1 / sqrt(static_cast<L>(running_var[c]) + static_cast<L>(eps)));
    }
    // In training, what is taken off dy: dbias / rows and, times x_hat, dweight / rows.
    SWINGRAD_HOST_DEVICE A share(const A* sums, int64_t c) const {
        return training ? sums[c] / static_cast<A>(rows) : A(0);
    }

    int64_t multiply_adds() const { return rows * C; }  // ops/cost_log.h

    void forward() const;  // ops/norm/batch_norm.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/norm/batch_norm.cu
    void backward_kernel() const;
};

}  // namespace swingrad

// batch_norm. Mathematics and names: ops/norm/batch_norm.cpp.
//
// Plan: statistics in two sums over columns (cuda/toolkit/sums.h), the second of which takes squared differences from
// the mean that the first has found; each reads x, the second from the second-level cache as far as it fits, and both
// sum in double, of which there is one addition for each number that is fetched. A thread a channel then takes what
// backward and running statistics need. The rest is by elements: x is read, y written, and a few numbers a channel come
// from the cache. Backward likewise: dweight and dbias by columns, then dx. No atomics; no barriers but those of
// cuda/toolkit/sums_device.h.

#include "cuda/norm/batch_norm.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::cuda {

constexpr unsigned batch_norm_threads = 256;

// partial [groups, C]: of x where `means` is null, else of squared differences from sums[c] / rows.
template <class T>
__global__ void batch_norm_sums_kernel(BatchNormOp<T> op, int64_t groups, const long_sum_type<T>* sums,
                                       long_sum_type<T>* partial) {
    using L = long_sum_type<T>;
    const L sum = group_column_sum<L>(op.rows, groups, op.C, [&](int64_t row, int64_t c) {
        const L number = static_cast<L>(widen(op.x[row * op.C + c]));
        if (!sums) return number;
        const L difference = number - sums[c] / static_cast<L>(op.rows);
        return difference * difference;
    });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < op.C) partial[blockIdx.y * op.C + column] = sum;
}

template <class T>
__global__ void batch_norm_statistics_kernel(BatchNormOp<T> op, const long_sum_type<T>* sums,
                                             const long_sum_type<T>* squares) {
    const int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (c >= op.C) return;
    if (op.training) op.take_statistics(c, sums[c] / static_cast<long_sum_type<T>>(op.rows), squares[c]);
    else op.take_running_statistics(c);
}

template <class T>
__global__ void batch_norm_forward_kernel(BatchNormOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, c = at % op.C;
    if (at >= op.rows * op.C) return;
    op.y[at] = narrow<T>(op.weight[c] * ((widen(op.x[at]) - op.mean[c]) * op.rstd[c]) + op.bias[c]);
}

// partial [groups, 2 C]: dweight | dbias
template <class T>
__global__ void batch_norm_weight_backward_kernel(BatchNormOp<T> op, int64_t groups, acc_type<T>* partial) {
    using A = acc_type<T>;
    // forward: y = weight x_hat + bias, so:
    const A dweight = group_column_sum<A>(op.rows, groups, op.C, [&](int64_t row, int64_t c) {
        return widen(op.dy[row * op.C + c]) * ((widen(op.x[row * op.C + c]) - op.mean[c]) * op.rstd[c]);
    });
    const A dbias = group_column_sum<A>(op.rows, groups, op.C,
                                        [&](int64_t row, int64_t c) { return widen(op.dy[row * op.C + c]); });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y != 0 || column >= op.C) return;
    partial[blockIdx.y * 2 * op.C + column] = dweight;
    partial[blockIdx.y * 2 * op.C + op.C + column] = dbias;
}

template <class T>
__global__ void batch_norm_backward_kernel(BatchNormOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, c = at % op.C;
    if (at >= op.rows * op.C) return;
    // forward: x_hat = (x - mean(x)) rstd(x), or with constants in their place, so:
    const auto x_hat = (widen(op.x[at]) - op.mean[c]) * op.rstd[c];
    op.dx[at] = narrow<T>(op.weight[c] * op.rstd[c] *
                          (widen(op.dy[at]) - op.share(op.dbias, c) - x_hat * op.share(op.dweight, c)));
}

// sums [C], as batch_norm_sums_kernel takes them.
template <class T>
void batch_norm_sums(const BatchNormOp<T>& op, const long_sum_type<T>* of, long_sum_type<T>* sums) {
    const int64_t groups = row_groups(op.rows);
    const Scratch<long_sum_type<T>> partial(groups * op.C);
    launch(batch_norm_sums_kernel<T>, dim3(blocks_for(op.C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), op, groups, of, partial.data());
    add_groups(groups, op.C, op.C, partial.data(), sums);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void BatchNormOp<T>::forward_kernel() const {
    using namespace cuda;
    if (C == 0) return;
    const Scratch<L> sums(C), squares(C);
    if (training) {
        batch_norm_sums<T>(*this, nullptr, sums.data());
        batch_norm_sums<T>(*this, sums.data(), squares.data());
    }
    launch(batch_norm_statistics_kernel<T>, blocks_for(C, batch_norm_threads), batch_norm_threads, 0, compute_stream(),
           *this, sums.data(), squares.data());
    if (rows > 0)
        launch(batch_norm_forward_kernel<T>, blocks_for(rows * C, batch_norm_threads), batch_norm_threads, 0,
               compute_stream(), *this);
}

template <class T>
void BatchNormOp<T>::backward_kernel() const {
    using namespace cuda;
    if (C == 0) return;
    const int64_t groups = row_groups(rows);
    const Scratch<A> partial(groups * 2 * C);
    launch(batch_norm_weight_backward_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), *this, groups, partial.data());
    add_groups(groups, 2 * C, C, partial.data(), dweight);
    add_groups(groups, 2 * C, C, partial.data() + C, dbias);
    if (rows > 0)
        launch(batch_norm_backward_kernel<T>, blocks_for(rows * C, batch_norm_threads), batch_norm_threads, 0,
               compute_stream(), *this);
}

SWINGRAD_KERNELS(BatchNormOp)

}  // namespace swingrad

// layer_norm. Mathematics and names: ops/norm/layer_norm.cpp.
//
// Forward: a warp a row (cuda/norm/layer_norm_row.h). Reads x, writes y: 2 rows C elements, the limit being memory.
//
// Backward, three launches: dx by a warp a row; then dweight and dbias by columns, which reads x and dy a second time
// (from the second-level cache, as far as they fit) but needs no atomics, so that the bits are the same every time;
// then the groups' sums are added. No barriers but those of cuda/toolkit/sums_device.h.

#include "cuda/norm/layer_norm.h"

#include "cuda/norm/layer_norm_row.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::cuda {

template <class T>
__global__ void layer_norm_forward_kernel(LayerNormOp<T> op) {
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.rows) return;
    const T* x_row = op.x + row * C;
    const auto [mean, rstd] = row_statistics(C, x_row, static_cast<acc_type<T>>(op.eps));
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.y[row * C + c] = op.weight[c] * ((x_row[c] - mean) * rstd) + op.bias[c];
    if (lane_of_thread() == 0) {
        op.mean[row] = mean;
        op.rstd[row] = rstd;
    }
}

template <class T>
__global__ void layer_norm_backward_kernel(LayerNormOp<T> op) {
    const int64_t row = row_of_warp(), at = row * op.C;
    if (row >= op.rows) return;
    row_backward<T>(op.C, op.x + at, {op.mean[row], op.rstd[row]}, op.weight, op.dy + at, 1, op.dx + at);
}

// partial [groups, 2 C]: dweight | dbias
template <class T>
__global__ void layer_norm_weight_backward_kernel(int64_t rows, int64_t sample_rows, int64_t groups, int64_t C,
                                                  const T* x, const acc_type<T>* keep, const acc_type<T>* means,
                                                  const acc_type<T>* rstds, const T* dy, acc_type<T>* partial) {
    using W = acc_type<T>;
    const auto dy_of = [=](int64_t row, int64_t c) {
        return (keep ? keep[row / sample_rows] : W(1)) * widen(dy[row * C + c]);
    };
    // forward: y = weight x_hat + bias, so:
    const W dweight = group_column_sum<W>(rows, groups, C, [=](int64_t row, int64_t c) {
        return dy_of(row, c) * ((widen(x[row * C + c]) - means[row]) * rstds[row]);
    });
    const W dbias = group_column_sum<W>(rows, groups, C, dy_of);
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y != 0 || column >= C) return;
    partial[blockIdx.y * 2 * C + column] = dweight;
    partial[blockIdx.y * 2 * C + C + column] = dbias;
}

// ---- launchers

template <class T>
void weight_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const acc_type<T>* keep,
                     const acc_type<T>* means, const acc_type<T>* rstds, const T* dy, acc_type<T>* dweight,
                     acc_type<T>* dbias) {
    if (C == 0) return;
    const int64_t groups = row_groups(rows);
    const auto partial = partial_sums<acc_type<T>>(groups * 2 * C);
    launch(layer_norm_weight_backward_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, sample_rows, groups, C, x, keep, means, rstds, dy,
           partial->data());
    add_groups_of_gradient(groups, 2 * C, C, partial, 0, dweight);
    add_groups_of_gradient(groups, 2 * C, C, partial, C, dbias);
}

#define INSTANTIATE(T)                                                                                         \
    template void weight_backward(int64_t, int64_t, int64_t, const T*, const acc_type<T>*, const acc_type<T>*, \
                                  const acc_type<T>*, const T*, acc_type<T>*, acc_type<T>*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void LayerNormOp<T>::forward_kernel() const {
    using namespace cuda;
    if (rows == 0) return;
    launch(layer_norm_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
           *this);
}

template <class T>
void LayerNormOp<T>::backward_kernel() const {
    using namespace cuda;
    if (rows > 0)
        launch(layer_norm_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
    weight_backward<T>(rows, 1, C, x, nullptr, mean, rstd, dy, dweight, dbias);
}

SWINGRAD_KERNELS(LayerNormOp)

}  // namespace swingrad

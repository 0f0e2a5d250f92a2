// residual_norm. Mathematics and names: ops/norm/residual_norm.cpp.
//
// Forward: a warp a row (cuda/norm/layer_norm_row.h), eight to a block. Reads x and y, writes out: 3 rows C elements,
// the limit being memory; y's row is read three times, but once from memory.
//
// Backward: dy by a warp a row, which reads y and dout and writes dy, 3 rows C; then dweight and dbias by columns
// (weight_backward, of cuda/norm/layer_norm.cu). No barrier of its own.

#include "cuda/norm/residual_norm.h"

#include "cuda/norm/layer_norm_row.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void residual_norm_forward_kernel(ResidualNormOp<T> op) {
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.B * op.N) return;
    const T *x_row = op.x + row * C, *y_row = op.y + row * C;
    const acc_type<T> keep_b = op.keep ? op.keep[row / op.N] : acc_type<T>(1);
    const auto [mean, rstd] = row_statistics(C, y_row, static_cast<acc_type<T>>(op.eps));
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.out[row * C + c] =
            narrow<T>(widen(x_row[c]) + keep_b * (op.weight[c] * ((widen(y_row[c]) - mean) * rstd) + op.bias[c]));
    if (lane_of_thread() == 0) {
        op.mean[row] = mean;
        op.rstd[row] = rstd;
    }
}

template <class T>
__global__ void residual_norm_backward_kernel(ResidualNormOp<T> op) {
    const int64_t row = row_of_warp(), at = row * op.C;
    if (row >= op.B * op.N) return;
    const acc_type<T> keep_b = op.keep ? op.keep[row / op.N] : acc_type<T>(1);
    row_backward<T>(op.C, op.y + at, {op.mean[row], op.rstd[row]}, op.weight, op.dout + at, keep_b, op.dy + at);
}

}  // namespace swingrad::cuda

// ---- launchers. y has all samples: K = B

namespace swingrad {

template <class T>
void ResidualNormOp<T>::forward_kernel() const {
    using namespace cuda;
    if (const int64_t rows = B * N; rows > 0)
        launch(residual_norm_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
}

template <class T>
void ResidualNormOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t rows = B * N;
    if (rows > 0)
        launch(residual_norm_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
    weight_backward<T>(rows, N, C, y, keep, mean, rstd, dout, dweight, dbias);
}

SWINGRAD_KERNELS(ResidualNormOp)

}  // namespace swingrad

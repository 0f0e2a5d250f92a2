// mask_tokens. Mathematics and names: ops/image/mask_tokens.cpp.
//
// Forward, and dx: a warp a row, eight to a block; all lanes read the row's mask, then copy neighbouring
// channels. x, or dy, is read where it is needed only, y or dx written once.
//
// dtoken: a sum over masked rows by columns (cuda/toolkit/sums_device.h), then the groups' sums are added. dy is read
// where the mask is 1. The barriers are those of cuda/toolkit/sums_device.h.

#include "cuda/image/mask_tokens.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::cuda {

constexpr unsigned masked_rows_a_block = 8;

template <class T>
__global__ void mask_tokens_forward_kernel(MaskTokensOp<T> op) {
    const int64_t row = int64_t{blockIdx.x} * masked_rows_a_block + threadIdx.x / warp_size, C = op.C;
    if (row >= op.rows) return;
    const bool masked = widen(op.mask[row]) != 0;
    for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
        op.y[row * C + c] = masked ? narrow<T>(op.token[c]) : op.x[row * C + c];
}

template <class T>
__global__ void mask_tokens_backward_kernel(MaskTokensOp<T> op) {
    const int64_t row = int64_t{blockIdx.x} * masked_rows_a_block + threadIdx.x / warp_size, C = op.C;
    if (row >= op.rows) return;
    const bool masked = widen(op.mask[row]) != 0;
    // forward: y = mask ? token : x, so:
    for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
        op.dx[row * C + c] = masked ? narrow<T>(0) : op.dy[row * C + c];
}

// partial [groups, C]
template <class T>
__global__ void mask_tokens_token_backward_kernel(MaskTokensOp<T> op, int64_t groups, acc_type<T>* partial) {
    using A = acc_type<T>;
    const int64_t C = op.C;
    const A sum = group_column_sum<A>(op.rows, groups, C, [=](int64_t row, int64_t c) {
        return widen(op.mask[row]) != 0 ? widen(op.dy[row * C + c]) : A(0);
    });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < C) partial[blockIdx.y * C + column] = sum;
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void MaskTokensOp<T>::forward_kernel() const {
    using namespace cuda;
    if (rows == 0) return;
    launch(mask_tokens_forward_kernel<T>, blocks_for(rows, masked_rows_a_block), masked_rows_a_block * warp_size, 0,
           compute_stream(), *this);
}

template <class T>
void MaskTokensOp<T>::backward_kernel() const {
    using namespace cuda;
    if (dx && rows > 0)
        launch(mask_tokens_backward_kernel<T>, blocks_for(rows, masked_rows_a_block), masked_rows_a_block * warp_size,
               0, compute_stream(), *this);
    if (!dtoken || C == 0) return;
    const int64_t groups = row_groups(rows);
    const auto partial = partial_sums<A>(groups * C);
    launch(mask_tokens_token_backward_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), *this, groups, partial->data());
    add_groups_of_gradient(groups, C, C, partial, 0, dtoken);
}

SWINGRAD_KERNELS(MaskTokensOp)

}  // namespace swingrad

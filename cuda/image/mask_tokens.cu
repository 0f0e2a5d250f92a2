// mask_tokens. Mathematics and names: ops/image/mask_tokens.cpp.
//
// Forward, and dx: a warp a row, eight to a block; all lanes read the row's one byte of mask, then copy neighbouring
// channels. x, or dy, is read where it is needed only, y or dx written once.
//
// dtoken: a sum over masked rows by columns (cuda/toolkit/sums_device.h), then the groups' sums are added. dy is read where the
// mask is 1. The barriers are those of cuda/toolkit/sums_device.h.

#include "cuda/image/mask_tokens.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::cuda {

constexpr unsigned masked_rows_a_block = 8;

template <class T>
__global__ void mask_tokens_forward_kernel(int64_t rows, int64_t C, const T* x, const acc_type<T>* token,
                                           const uint8_t* mask, T* y) {
    const int64_t row = int64_t{blockIdx.x} * masked_rows_a_block + threadIdx.x / warp_size;
    if (row >= rows) return;
    const bool masked = mask[row];
    for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
        y[row * C + c] = masked ? narrow<T>(token[c]) : x[row * C + c];
}

template <class T>
__global__ void mask_tokens_backward_kernel(int64_t rows, int64_t C, const uint8_t* mask, const T* dy, T* dx) {
    const int64_t row = int64_t{blockIdx.x} * masked_rows_a_block + threadIdx.x / warp_size;
    if (row >= rows) return;
    const bool masked = mask[row];
    // forward: y = mask ? token : x, so:
    for (int64_t c = threadIdx.x % warp_size; c < C; c += warp_size)
        dx[row * C + c] = masked ? narrow<T>(0) : dy[row * C + c];
}

// partial [groups, C]
template <class T>
__global__ void mask_tokens_token_backward_kernel(int64_t rows, int64_t groups, int64_t C, const uint8_t* mask,
                                                  const T* dy, acc_type<T>* partial) {
    using W = acc_type<T>;
    const W sum = group_column_sum<W>(
        rows, groups, C, [=](int64_t row, int64_t c) { return mask[row] ? widen(dy[row * C + c]) : W(0); });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < C) partial[blockIdx.y * C + column] = sum;
}

// ---- launchers

template <class T>
void mask_tokens_forward(int64_t rows, int64_t C, const T* x, const acc_type<T>* token, const uint8_t* mask, T* y) {
    if (rows == 0) return;
    launch(mask_tokens_forward_kernel<T>, blocks_for(rows, masked_rows_a_block), masked_rows_a_block * warp_size, 0,
           compute_stream(), rows, C, x, token, mask, y);
}

template <class T>
void mask_tokens_backward(int64_t rows, int64_t C, const uint8_t* mask, const T* dy, T* dx, acc_type<T>* dtoken) {
    if (dx && rows > 0)
        launch(mask_tokens_backward_kernel<T>, blocks_for(rows, masked_rows_a_block), masked_rows_a_block * warp_size,
               0, compute_stream(), rows, C, mask, dy, dx);
    if (!dtoken || C == 0) return;
    const int64_t groups = row_groups(rows);
    const Scratch<acc_type<T>> partial(groups * C);
    launch(mask_tokens_token_backward_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, groups, C, mask, dy, partial.data());
    add_groups(groups, C, C, partial.data(), dtoken);
}

#define INSTANTIATE(T)                                                                                 \
    template void mask_tokens_forward(int64_t, int64_t, const T*, const acc_type<T>*, const uint8_t*, T*); \
    template void mask_tokens_backward(int64_t, int64_t, const uint8_t*, const T*, T*, acc_type<T>*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

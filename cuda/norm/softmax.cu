// softmax. Mathematics and names: ops/norm/softmax.cpp.
//
// A warp a row (cuda/toolkit/warp_row.h), which goes over its row three times forward and twice backward: the first
// time from memory, then from the cache. Forward makes each exponential twice rather than keep it: y may be too narrow
// to hold it, and memory is the limit. Bytes: x and y forward, y, dy and dx backward. No barrier.

#include "cuda/norm/softmax.h"

#include "core/scalar.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void softmax_forward_kernel(SoftmaxOp<T> op) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.rows) return;
    const T* x_row = op.x + row * C;
    W largest = -INFINITY, sum = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        largest = widen(x_row[c]) > largest ? widen(x_row[c]) : largest;
    largest = warp_max(largest);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) sum += fast_exp(widen(x_row[c]) - largest);
    const W inverse = 1 / warp_sum(sum);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.y[row * C + c] = narrow<T>(fast_exp(widen(x_row[c]) - largest) * inverse);
}

template <class T>
__global__ void softmax_backward_kernel(SoftmaxOp<T> op) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.rows) return;
    const T *y_row = op.y + row * C, *dy_row = op.dy + row * C;
    W dy_y = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) dy_y += widen(dy_row[c]) * widen(y_row[c]);
    dy_y = warp_sum(dy_y);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.dx[row * C + c] = narrow<T>(widen(y_row[c]) * (widen(dy_row[c]) - dy_y));
}

}  // namespace swingrad::cuda

// ---- launchers

namespace swingrad {

template <class T>
void SoftmaxOp<T>::forward_kernel() const {
    using namespace cuda;
    if (rows > 0)
        launch(softmax_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
               *this);
}

template <class T>
void SoftmaxOp<T>::backward_kernel() const {
    using namespace cuda;
    if (rows > 0)
        launch(softmax_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
}

SWINGRAD_KERNELS(SoftmaxOp)

}  // namespace swingrad

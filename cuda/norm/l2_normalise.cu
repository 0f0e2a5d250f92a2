// l2_normalise. Mathematics and names: ops/norm/l2_normalise.cpp.
//
// A warp a row (cuda/toolkit/warp_row.h), which goes over its row twice: once from memory, once from the cache. Bytes:
// x and y forward, x, dy and dx backward. No barrier.

#include "cuda/norm/l2_normalise.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void l2_normalise_forward_kernel(L2NormaliseOp<T> op) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.rows) return;
    const T* x_row = op.x + row * C;
    const W eps = static_cast<W>(op.eps);
    W squares = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) squares += widen(x_row[c]) * widen(x_row[c]);
    const W norm = sqrt(warp_sum(squares));
    const W inverse = 1 / (norm < eps ? eps : norm);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) op.y[row * C + c] = narrow<T>(widen(x_row[c]) * inverse);
    if (lane_of_thread() == 0) op.norm[row] = norm;
}

template <class T>
__global__ void l2_normalise_backward_kernel(L2NormaliseOp<T> op) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp(), C = op.C;
    if (row >= op.rows) return;
    const T *x_row = op.x + row * C, *dy_row = op.dy + row * C;
    const W eps = static_cast<W>(op.eps);
    const bool is_short = op.norm[row] < eps;
    const W inverse = 1 / (is_short ? eps : op.norm[row]);
    // forward: y = x inverse(x), so:
    W dy_y = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) dy_y += widen(dy_row[c]) * (widen(x_row[c]) * inverse);
    dy_y = warp_sum(dy_y);
    if (is_short) dy_y = 0;  // the divisor is a constant
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.dx[row * C + c] = narrow<T>(inverse * (widen(dy_row[c]) - widen(x_row[c]) * inverse * dy_y));
}

}  // namespace swingrad::cuda

// ---- launchers

namespace swingrad {

template <class T>
void L2NormaliseOp<T>::forward_kernel() const {
    using namespace cuda;
    if (rows > 0)
        launch(l2_normalise_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
}

template <class T>
void L2NormaliseOp<T>::backward_kernel() const {
    using namespace cuda;
    if (rows > 0)
        launch(l2_normalise_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
}

SWINGRAD_KERNELS(L2NormaliseOp)

}  // namespace swingrad

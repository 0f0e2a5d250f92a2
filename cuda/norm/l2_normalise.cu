// l2_normalise. Mathematics and names: ops/norm/l2_normalise.cpp.
//
// A warp a row (cuda/toolkit/warp_row.h), which goes over its row twice: once from memory, once from the cache. Bytes: x and y
// forward, x, dy and dx backward. No barrier.

#include "cuda/norm/l2_normalise.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void l2_normalise_forward_kernel(int64_t rows, int64_t C, const T* x, acc_type<T> eps, T* y, acc_type<T>* norms) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T* x_row = x + row * C;
    W squares = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) squares += widen(x_row[c]) * widen(x_row[c]);
    const W norm = sqrt(warp_sum(squares));
    const W inverse = 1 / (norm < eps ? eps : norm);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) y[row * C + c] = narrow<T>(widen(x_row[c]) * inverse);
    if (lane_of_thread() == 0) norms[row] = norm;
}

template <class T>
__global__ void l2_normalise_backward_kernel(int64_t rows, int64_t C, const T* x, const acc_type<T>* norms, acc_type<T> eps,
                                             const T* dy, T* dx) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T *x_row = x + row * C, *dy_row = dy + row * C;
    const bool constant = norms[row] < eps;
    const W inverse = 1 / (constant ? eps : norms[row]);
    // forward: y = x inverse(x), so:
    W dy_y = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) dy_y += widen(dy_row[c]) * (widen(x_row[c]) * inverse);
    dy_y = warp_sum(dy_y);
    if (constant) dy_y = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        dx[row * C + c] = narrow<T>(inverse * (widen(dy_row[c]) - widen(x_row[c]) * inverse * dy_y));
}

// ---- launchers

template <class T>
void l2_normalise_forward(int64_t rows, int64_t C, const T* x, double eps, T* y, acc_type<T>* norms) {
    if (rows == 0) return;
    launch(l2_normalise_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
           compute_stream(), rows, C, x, static_cast<acc_type<T>>(eps), y, norms);
}

template <class T>
void l2_normalise_backward(int64_t rows, int64_t C, const T* x, const acc_type<T>* norms, double eps, const T* dy, T* dx) {
    if (rows == 0) return;
    launch(l2_normalise_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
           compute_stream(), rows, C, x, norms, static_cast<acc_type<T>>(eps), dy, dx);
}

#define INSTANTIATE(T)                                                                    \
    template void l2_normalise_forward(int64_t, int64_t, const T*, double, T*, acc_type<T>*); \
    template void l2_normalise_backward(int64_t, int64_t, const T*, const acc_type<T>*, double, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// softmax. Mathematics and names: ops/norm/softmax.cpp.
//
// A warp a row (cuda/toolkit/warp_row.h), which goes over its row three times forward and twice backward: the first time from
// memory, then from the cache. Forward makes each exponential twice rather than keep it: y may be too narrow to hold
// it, and memory is the limit. Bytes: x and y forward, y, dy and dx backward. No barrier.

#include "cuda/norm/softmax.h"

#include "core/scalar.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void softmax_forward_kernel(int64_t rows, int64_t C, const T* x, T* y) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T* x_row = x + row * C;
    W largest = -INFINITY, sum = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        largest = widen(x_row[c]) > largest ? widen(x_row[c]) : largest;
    largest = warp_max(largest);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) sum += fast_exp(widen(x_row[c]) - largest);
    const W inverse = 1 / warp_sum(sum);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        y[row * C + c] = narrow<T>(fast_exp(widen(x_row[c]) - largest) * inverse);
}

template <class T>
__global__ void softmax_backward_kernel(int64_t rows, int64_t C, const T* y, const T* dy, T* dx) {
    using W = acc_type<T>;
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T *y_row = y + row * C, *dy_row = dy + row * C;
    W dy_y = 0;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size) dy_y += widen(dy_row[c]) * widen(y_row[c]);
    dy_y = warp_sum(dy_y);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        dx[row * C + c] = narrow<T>(widen(y_row[c]) * (widen(dy_row[c]) - dy_y));
}

// ---- launchers

template <class T>
void softmax_forward(int64_t rows, int64_t C, const T* x, T* y) {
    if (rows == 0) return;
    launch(softmax_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
           rows, C, x, y);
}

template <class T>
void softmax_backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dx) {
    if (rows == 0) return;
    launch(softmax_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
           rows, C, y, dy, dx);
}

#define INSTANTIATE(T)                                             \
    template void softmax_forward(int64_t, int64_t, const T*, T*); \
    template void softmax_backward(int64_t, int64_t, const T*, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// layer_norm. Mathematics and names: ops/layer_norm.cpp.
//
// Forward: a warp a row (cuda/layer_norm_row.h). Reads x, writes y: 2 rows C elements, the limit being memory.
//
// Backward, three launches: dx by a warp a row; then dweight and dbias by columns, which reads x and dy a second time
// (from the second-level cache, as far as they fit) but needs no atomics, so that the bits are the same every time;
// then the groups' sums are added. No barrier but the one of cuda/sums_device.h.

#include "cuda/layer_norm.h"

#include "cuda/kernel.h"
#include "cuda/layer_norm_row.h"
#include "cuda/scratch.h"
#include "cuda/sums.h"
#include "cuda/sums_device.h"

namespace swingrad::cuda {

template <class T>
__global__ void layer_norm_forward_kernel(int64_t rows, int64_t C, const T* x, const Wide<T>* weight,
                                          const Wide<T>* bias, Wide<T> eps, T* y, Wide<T>* means, Wide<T>* rstds) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T* x_row = x + row * C;
    const auto [mean, rstd] = row_statistics(C, x_row, eps);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        y[row * C + c] = narrow<T>(weight[c] * ((widen(x_row[c]) - mean) * rstd) + bias[c]);
    if (lane_of_thread() == 0) {
        means[row] = mean;
        rstds[row] = rstd;
    }
}

template <class T>
__global__ void layer_norm_backward_kernel(int64_t rows, int64_t C, const T* x, const Wide<T>* weight,
                                           const Wide<T>* means, const Wide<T>* rstds, const T* dy, T* dx) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    row_backward<T>(C, x + row * C, {means[row], rstds[row]}, weight, dy + row * C, 1, dx + row * C);
}

// partial [groups, 2 C]: dweight | dbias
template <class T>
__global__ void layer_norm_weight_backward_kernel(int64_t rows, int64_t sample_rows, int64_t groups, int64_t C,
                                                  const T* x, const Wide<T>* keep, const Wide<T>* means,
                                                  const Wide<T>* rstds, const T* dy, Wide<T>* partial) {
    using W = Wide<T>;
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
void weight_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const Wide<T>* keep,
                     const Wide<T>* means, const Wide<T>* rstds, const T* dy, Wide<T>* dweight, Wide<T>* dbias) {
    if (C == 0) return;
    const int64_t groups = row_groups(rows);
    const Scratch<Wide<T>> partial(groups * 2 * C);
    launch(layer_norm_weight_backward_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, sample_rows, groups, C, x, keep, means, rstds, dy,
           partial.data());
    add_groups(groups, 2 * C, C, partial.data(), dweight);
    add_groups(groups, 2 * C, C, partial.data() + C, dbias);
}

template <class T>
void layer_norm_forward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* bias, double eps,
                        T* y, Wide<T>* means, Wide<T>* rstds) {
    if (rows == 0) return;
    launch(layer_norm_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
           rows, C, x, weight, bias, static_cast<Wide<T>>(eps), y, means, rstds);
}

template <class T>
void layer_norm_backward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* means,
                         const Wide<T>* rstds, const T* dy, T* dx, Wide<T>* dweight, Wide<T>* dbias) {
    if (rows > 0)
        launch(layer_norm_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), rows, C, x, weight, means, rstds, dy, dx);
    weight_backward<T>(rows, 1, C, x, nullptr, means, rstds, dy, dweight, dbias);
}

#define INSTANTIATE(T)                                                                                                 \
    template void weight_backward(int64_t, int64_t, int64_t, const T*, const Wide<T>*, const Wide<T>*, const Wide<T>*, \
                                  const T*, Wide<T>*, Wide<T>*);                                                       \
    template void layer_norm_forward(int64_t, int64_t, const T*, const Wide<T>*, const Wide<T>*, double, T*, Wide<T>*, \
                                     Wide<T>*);                                                                        \
    template void layer_norm_backward(int64_t, int64_t, const T*, const Wide<T>*, const Wide<T>*, const Wide<T>*,      \
                                      const T*, T*, Wide<T>*, Wide<T>*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

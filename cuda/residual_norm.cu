// residual_norm. Mathematics and names: ops/residual_norm.cpp.
//
// Forward: a warp a row (cuda/layer_norm_row.h), eight to a block. Reads x and y, writes out: 3 rows C elements, the
// limit being memory; y's row is read three times, but once from memory.
//
// Backward: dy by a warp a row, which reads y and dout and writes dy, 3 rows C; then dweight and dbias by columns
// (weight_backward, of cuda/layer_norm.cu). No barrier of its own.

#include "cuda/residual_norm.h"

#include "cuda/kernel.h"
#include "cuda/layer_norm_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void residual_norm_forward_kernel(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y,
                                             const Wide<T>* weight, const Wide<T>* bias, const Wide<T>* keep,
                                             Wide<T> eps, T* out, Wide<T>* means, Wide<T>* rstds) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T *x_row = x + row * C, *y_row = y + row * C;
    const Wide<T> keep_b = keep ? keep[row / sample_rows] : Wide<T>(1);
    const auto [mean, rstd] = row_statistics(C, y_row, eps);
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        out[row * C + c] =
            narrow<T>(widen(x_row[c]) + keep_b * (weight[c] * ((widen(y_row[c]) - mean) * rstd) + bias[c]));
    if (lane_of_thread() == 0) {
        means[row] = mean;
        rstds[row] = rstd;
    }
}

template <class T>
__global__ void residual_norm_backward_kernel(int64_t rows, int64_t sample_rows, int64_t C, const T* y,
                                              const Wide<T>* weight, const Wide<T>* keep, const Wide<T>* means,
                                              const Wide<T>* rstds, const T* dout, T* dy) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const Wide<T> keep_b = keep ? keep[row / sample_rows] : Wide<T>(1);
    row_backward<T>(C, y + row * C, {means[row], rstds[row]}, weight, dout + row * C, keep_b, dy + row * C);
}

// ---- launchers

template <class T>
void residual_norm_forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const Wide<T>* weight,
                           const Wide<T>* bias, const Wide<T>* keep, double eps, T* out, Wide<T>* means,
                           Wide<T>* rstds) {
    if (rows == 0) return;
    launch(residual_norm_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
           compute_stream(), rows, sample_rows, C, x, y, weight, bias, keep, static_cast<Wide<T>>(eps), out, means,
           rstds);
}

template <class T>
void residual_norm_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const Wide<T>* weight,
                            const Wide<T>* keep, const Wide<T>* means, const Wide<T>* rstds, const T* dout, T* dy,
                            Wide<T>* dweight, Wide<T>* dbias) {
    if (rows > 0)
        launch(residual_norm_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), rows, sample_rows, C, y, weight, keep, means, rstds, dout, dy);
    weight_backward<T>(rows, sample_rows, C, y, keep, means, rstds, dout, dweight, dbias);
}

#define INSTANTIATE(T)                                                                                                 \
    template void residual_norm_forward(int64_t, int64_t, int64_t, const T*, const T*, const Wide<T>*, const Wide<T>*, \
                                        const Wide<T>*, double, T*, Wide<T>*, Wide<T>*);                               \
    template void residual_norm_backward(int64_t, int64_t, int64_t, const T*, const Wide<T>*, const Wide<T>*,          \
                                         const Wide<T>*, const Wide<T>*, const T*, T*, Wide<T>*, Wide<T>*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

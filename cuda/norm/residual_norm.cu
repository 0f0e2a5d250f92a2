// residual_norm. Mathematics and names: ops/norm/residual_norm.cpp.
//
// Forward: a warp a row (cuda/norm/layer_norm_row.h), eight to a block. Reads x and y, writes out: 3 rows C elements, the
// limit being memory; y's row is read three times, but once from memory.
//
// Backward: dy by a warp a row, which reads y and dout and writes dy, 3 rows C; then dweight and dbias by columns
// (weight_backward, of cuda/norm/layer_norm.cu). No barrier of its own.

#include "cuda/norm/residual_norm.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/norm/layer_norm_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void residual_norm_forward_kernel(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y,
                                             const acc_type<T>* weight, const acc_type<T>* bias, const acc_type<T>* keep,
                                             acc_type<T> eps, T* out, acc_type<T>* means, acc_type<T>* rstds) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const T *x_row = x + row * C, *y_row = y + row * C;
    const acc_type<T> keep_b = keep ? keep[row / sample_rows] : acc_type<T>(1);
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
                                              const acc_type<T>* weight, const acc_type<T>* keep, const acc_type<T>* means,
                                              const acc_type<T>* rstds, const T* dout, T* dy) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const acc_type<T> keep_b = keep ? keep[row / sample_rows] : acc_type<T>(1);
    row_backward<T>(C, y + row * C, {means[row], rstds[row]}, weight, dout + row * C, keep_b, dy + row * C);
}

// ---- launchers

template <class T>
void residual_norm_forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const acc_type<T>* weight,
                           const acc_type<T>* bias, const acc_type<T>* keep, double eps, T* out, acc_type<T>* means,
                           acc_type<T>* rstds) {
    if (rows == 0) return;
    launch(residual_norm_forward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
           compute_stream(), rows, sample_rows, C, x, y, weight, bias, keep, static_cast<acc_type<T>>(eps), out, means,
           rstds);
}

template <class T>
void residual_norm_backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const acc_type<T>* weight,
                            const acc_type<T>* keep, const acc_type<T>* means, const acc_type<T>* rstds, const T* dout, T* dy,
                            acc_type<T>* dweight, acc_type<T>* dbias) {
    if (rows > 0)
        launch(residual_norm_backward_kernel<T>, blocks_for(rows, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), rows, sample_rows, C, y, weight, keep, means, rstds, dout, dy);
    weight_backward<T>(rows, sample_rows, C, y, keep, means, rstds, dout, dweight, dbias);
}

#define INSTANTIATE(T)                                                                                                 \
    template void residual_norm_forward(int64_t, int64_t, int64_t, const T*, const T*, const acc_type<T>*, const acc_type<T>*, \
                                        const acc_type<T>*, double, T*, acc_type<T>*, acc_type<T>*);                               \
    template void residual_norm_backward(int64_t, int64_t, int64_t, const T*, const acc_type<T>*, const acc_type<T>*,          \
                                         const acc_type<T>*, const acc_type<T>*, const T*, T*, acc_type<T>*, acc_type<T>*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

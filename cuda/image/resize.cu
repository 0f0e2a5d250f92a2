// resize. Mathematics and names: ops/image/resize.cpp.
//
// Plan: a block a row of y, whose 256 threads take its elements in turn, neighbours next to each other; nothing is
// shared, nothing waits. A thread adds up the entries of R's row within those of S's, at most four times four elements
// of x when a map is made larger, as the loops do with a row in between. x is read once from memory as far as the cache
// goes: the rows of one block are those of its neighbours.
//
// Backward is the same with R^T and S^T, each element of dx being one thread's sum.

#include "cuda/image/resize.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned resize_threads = 256;

template <class T>
__global__ void resize_kernel(int64_t H, int64_t W, int64_t C, Taps<acc_type<T>> R, Taps<acc_type<T>> S, const T* x, T* y) {
    const int64_t piece = blockIdx.x, b = piece / R.rows, j = piece % R.rows;
    const int32_t rows_begin = R.first[j], rows_end = R.first[j + 1];
    for (int64_t at = threadIdx.x; at < S.rows * C; at += blockDim.x) {
        const int64_t k = at / C, c = at % C;
        acc_type<T> sum = 0;
        for (int32_t column = S.first[k]; column < S.first[k + 1]; ++column) {
            acc_type<T> of_column = 0;
            for (int32_t row = rows_begin; row < rows_end; ++row)
                of_column += R.weight[row] * widen(x[((b * H + R.from[row]) * W + S.from[column]) * C + c]);
            sum += S.weight[column] * of_column;
        }
        y[piece * S.rows * C + at] = narrow<T>(sum);
    }
}

// ---- launcher

template <class T>
void resize(int64_t B, int64_t H, int64_t W, int64_t C, const Taps<acc_type<T>>& R, const Taps<acc_type<T>>& S, const T* x,
            T* y) {
    if (B == 0 || C == 0) return;
    launch(resize_kernel<T>, static_cast<unsigned>(B * R.rows), resize_threads, 0, compute_stream(), H, W, C, R, S, x,
           y);
}

#define INSTANTIATE(T) \
    template void resize(int64_t, int64_t, int64_t, int64_t, const Taps<acc_type<T>>&, const Taps<acc_type<T>>&, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

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
__global__ void resize_kernel(ResizeOp<T> op) {
    using A = acc_type<T>;
    const SparseMatrix<A>&R = op.R, &S = op.S;
    const int64_t row_of_y = blockIdx.x, b = row_of_y / R.rows, j = row_of_y % R.rows;
    const int32_t rows_begin = R.first[j], rows_end = R.first[j + 1];
    for (int64_t at = threadIdx.x; at < S.rows * op.C; at += blockDim.x) {
        const int64_t k = at / op.C, c = at % op.C;
        A sum = 0;
        for (int32_t column = S.first[k]; column < S.first[k + 1]; ++column) {
            A of_column = 0;
            for (int32_t row = rows_begin; row < rows_end; ++row)
                of_column +=
                    R.weight[row] * widen(op.x[((b * op.H + R.column[row]) * op.W + S.column[column]) * op.C + c]);
            sum += S.weight[column] * of_column;
        }
        op.y[row_of_y * S.rows * op.C + at] = narrow<T>(sum);
    }
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void ResizeOp<T>::forward_kernel() const {
    using namespace cuda;
    if (B == 0 || C == 0) return;
    launch(resize_kernel<T>, static_cast<unsigned>(B * R.rows), resize_threads, 0, compute_stream(), *this);
}

template void ResizeOp<float>::forward_kernel() const;
template void ResizeOp<double>::forward_kernel() const;
template void ResizeOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

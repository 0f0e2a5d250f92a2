// broadcast_to, which is the strided copy of cuda/layout/layout.h, and sum_to. Mathematics: ops/reduce/broadcast.cpp.
//
// Four plans for sum_to, by which axes are summed; no atomics, so that the bits are the same every time:
//   all of them:                cuda/reduce/reduce.h
//   rows into one:              cuda/toolkit/sums.h; the gradient of a bias
//   others, the last one kept:  a thread a result, which walks over its terms: a warp reads neighbours
//   others, the last one too:   a warp a result, a lane every 32nd term: a warp reads neighbours
// Bytes: x once and y. No barrier but those of the two headers.

#include "cuda/reduce/broadcast.h"

#include "cuda/layout/layout.h"
#include "cuda/reduce/reduce.h"
#include "cuda/runtime/convert.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void sum_to_by_threads_kernel(int64_t count, int64_t terms, Axes kept, Axes repeated, const T* x, T* y) {
    const int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (j >= count) return;
    const int64_t first = kept.offset_of(j);
    long_sum_type<T> sum = 0;
    for (int64_t t = 0; t < terms; ++t) sum += widen(x[first + repeated.offset_of(t)]);
    y[j] = narrow<T>(static_cast<acc_type<T>>(sum));
}

template <class T>
__global__ void sum_to_by_warps_kernel(int64_t count, int64_t terms, Axes kept, Axes repeated, const T* x, T* y) {
    const int64_t j = row_of_warp();
    if (j >= count) return;
    const int64_t first = kept.offset_of(j);
    long_sum_type<T> sum = 0;
    for (int64_t t = lane_of_thread(); t < terms; t += warp_size) sum += widen(x[first + repeated.offset_of(t)]);
    sum = warp_sum(sum);
    if (lane_of_thread() == 0) y[j] = narrow<T>(static_cast<acc_type<T>>(sum));
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void BroadcastOp<T>::forward_kernel() const {
    cuda::strided_copy(axes, x, y);
}

template <class T>
void BroadcastOp<T>::backward_kernel() const {
    using namespace cuda;
    if (small == 0) return;
    // Where the first term of an element of dx is in dy, and from there to the others.
    const Axes dy_axes = Axes::of(axes.shape());
    Axes kept, repeated;
    for (int axis = 0; axis < axes.count; ++axis)
        (axes.strides[axis] == 0 ? repeated : kept).add(dy_axes.sizes[axis], dy_axes.strides[axis]);
    kept = kept.merged(), repeated = repeated.merged();

    const int64_t terms = repeated.indices();
    const bool rows_into_one = kept.count == 1 && kept.strides[0] == 1 && repeated.count == 1;
    if (kept.count == 0 || rows_into_one) {
        const Scratch<acc_type<T>> sums(small);
        if (kept.count == 0) SumOp<T>{.count = terms, .factor = 1, .x = dy, .y = sums.data()}.forward_kernel();
        else column_sums(terms, small, dy, sums.data());
        convert(small, sums.data(), dx);
    } else if (repeated.count > 0 && repeated.strides[repeated.count - 1] == 1) {
        launch(sum_to_by_warps_kernel<T>, blocks_for(small, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), small, terms, kept, repeated, dy, dx);
    } else {
        launch(sum_to_by_threads_kernel<T>, blocks_for(small, 256), 256, 0, compute_stream(), small, terms, kept,
               repeated, dy, dx);
    }
}

SWINGRAD_KERNELS(BroadcastOp)

}  // namespace swingrad

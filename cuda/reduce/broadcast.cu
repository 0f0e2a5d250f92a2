// sum_to. Mathematics: ops/reduce/broadcast.cpp. No atomics: the same bits every time.
//
// Four plans, by which axes are summed:
//   all of them:                cuda/reduce/reduce.h
//   rows into one:              cuda/toolkit/sums.h; the gradient of a bias
//   others, the last one kept:  a thread a result, which walks over its terms: a warp reads neighbours
//   others, the last one too:   a warp a result, a lane every 32nd term: a warp reads neighbours
// Bytes: x once and y. No barrier but those of the two headers.

#include "cuda/reduce/broadcast.h"

#include "cuda/runtime/convert.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/reduce/reduce.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

template <class T>
__global__ void sum_to_by_threads_kernel(int64_t count, int64_t terms, Axes kept, Axes repeated, const T* x, T* y) {
    const int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (j >= count) return;
    const int64_t first = kept.offset_of(j);
    acc_type<T> sum = 0;
    for (int64_t t = 0; t < terms; ++t) sum += widen(x[first + repeated.offset_of(t)]);
    y[j] = narrow<T>(sum);
}

template <class T>
__global__ void sum_to_by_warps_kernel(int64_t count, int64_t terms, Axes kept, Axes repeated, const T* x, T* y) {
    const int64_t j = row_of_warp();
    if (j >= count) return;
    const int64_t first = kept.offset_of(j);
    acc_type<T> sum = 0;
    for (int64_t t = lane_of_thread(); t < terms; t += warp_size) sum += widen(x[first + repeated.offset_of(t)]);
    sum = warp_sum(sum);
    if (lane_of_thread() == 0) y[j] = narrow<T>(sum);
}

// ---- launcher

template <class T>
void sum_to(const Axes& kept, const Axes& repeated, const T* x, T* y) {
    using W = acc_type<T>;
    const int64_t count = kept.indices(), terms = repeated.indices();
    if (count == 0) return;
    const bool rows_into_one = kept.count == 1 && kept.strides[0] == 1 && repeated.count == 1;
    if (kept.count == 0 || rows_into_one) {
        const Scratch<W> sums(count);
        if (kept.count == 0) sum_forward(terms, 1, x, sums.data());
        else column_sums(terms, count, x, sums.data());
        convert(count, sums.data(), y);
    } else if (repeated.count > 0 && repeated.strides[repeated.count - 1] == 1) {
        launch(sum_to_by_warps_kernel<T>, blocks_for(count, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), count, terms, kept, repeated, x, y);
    } else {
        launch(sum_to_by_threads_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), count, terms, kept,
               repeated, x, y);
    }
}

template void sum_to(const Axes&, const Axes&, const float*, float*);
template void sum_to(const Axes&, const Axes&, const double*, double*);
template void sum_to(const Axes&, const Axes&, const bfloat16*, bfloat16*);

}  // namespace swingrad::cuda

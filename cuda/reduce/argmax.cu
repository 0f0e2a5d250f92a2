// argmax. Mathematics and names: ops/reduce/argmax.cpp.
//
// Two plans. Where the axis is the last, a warp a result: lane l looks at the elements l, l + 32, ... so that a warp
// reads neighbours, and then lanes exchange what they have found, halves after halves; the order of places decides
// between equals, so it does not matter who meets whom. Else a thread a result: neighbours read neighbours. Bytes: x
// once. 256 threads a block; no barrier.

#include "cuda/reduce/argmax.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

// The place of what comes before all others of x[first], x[first + step], ..., places below `size`; where there is
// none, `first`. `value` becomes what is there. x is as far apart as `stride`.
template <class T>
__device__ inline int64_t first_of(const T* x, int64_t stride, int64_t first, int64_t step, int64_t size,
                                   acc_type<T>& value) {
    int64_t best = first;
    for (int64_t j = first; j < size; j += step) {
        const auto candidate = widen(x[j * stride]);
        if (j > first && !comes_before(candidate, j, value, best)) continue;
        value = candidate;
        best = j;
    }
    return best;
}

template <class T>
__global__ void argmax_by_warps_kernel(ArgmaxOp<T> op) {
    const int64_t o = row_of_warp();
    if (o >= op.outer) return;
    auto value = static_cast<acc_type<T>>(-INFINITY);
    int64_t best = first_of(op.x + o * op.size, 1, lane_of_thread(), warp_size, op.size, value);
    for (int distance = static_cast<int>(warp_size) / 2; distance > 0; distance /= 2) {
        const auto other_value = __shfl_xor_sync(all_lanes, value, distance);
        const int64_t other = __shfl_xor_sync(all_lanes, best, distance);
        if (!comes_before(other_value, other, value, best)) continue;
        value = other_value;
        best = other;
    }
    if (lane_of_thread() == 0) op.y[o] = best;
}

template <class T>
__global__ void argmax_by_threads_kernel(ArgmaxOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (at >= op.outer * op.inner) return;
    acc_type<T> value = 0;
    op.y[at] = first_of(op.x + at / op.inner * op.size * op.inner + at % op.inner, op.inner, 0, 1, op.size, value);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void ArgmaxOp<T>::forward_kernel() const {
    using namespace cuda;
    if (outer * inner == 0) return;
    if (inner == 1)
        launch(argmax_by_warps_kernel<T>, blocks_for(outer, rows_a_block), rows_a_block * warp_size, 0,
               compute_stream(), *this);
    else launch(argmax_by_threads_kernel<T>, blocks_for(outer * inner, 256), 256, 0, compute_stream(), *this);
}

template void ArgmaxOp<float>::forward_kernel() const;
template void ArgmaxOp<double>::forward_kernel() const;
template void ArgmaxOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

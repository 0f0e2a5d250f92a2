// sum and mean. Mathematics and names: ops/reduce/reduce.cpp.
//
// Forward, two launches. The elements are cut into groups, a number that depends on theirs alone; a block sums a group:
// each thread every 256th element, then a warp's lanes, then the block's warps, over a barrier. One warp then adds the
// groups' sums, in double as the CPU does. No atomics: the same bits every time. Bytes: x once. At most 512 groups of
// at least 4096 elements: enough blocks for any GPU, and few enough that the second launch costs nothing.
//
// Backward writes one number everywhere, by cuda/toolkit/elementwise.h.

#include "cuda/reduce/reduce.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

#include <algorithm>

namespace swingrad::cuda {
namespace {

constexpr int64_t elements_a_group = 4096, most_groups = 512;
constexpr unsigned threads = 256, warps = threads / warp_size;

}  // namespace

template <class T>
__global__ void sum_forward_kernel(int64_t count, const T* x, double* partial) {
    using W = acc_type<T>;
    __shared__ W sums[warps];
    const int64_t group = blockIdx.x, groups = gridDim.x;
    const int64_t begin = count * group / groups, end = count * (group + 1) / groups;
    W sum = 0;
    for (int64_t i = begin + threadIdx.x; i < end; i += threads) sum += widen(x[i]);
    sum = warp_sum(sum);
    if (threadIdx.x % warp_size == 0) sums[threadIdx.x / warp_size] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (unsigned warp = 1; warp < warps; ++warp) sum += sums[warp];
    partial[group] = static_cast<double>(sum);
}

// One warp.
template <class W>
__global__ void sum_groups_kernel(int64_t groups, double factor, const double* partial, W* y) {
    double sum = 0;
    for (int64_t group = threadIdx.x; group < groups; group += warp_size) sum += partial[group];
    sum = warp_sum(sum);
    if (threadIdx.x == 0) *y = static_cast<W>(factor * sum);
}

template <class T>
__global__ void sum_backward_kernel(SumOp<T> op) {
    // forward: y = factor (x_0 + x_1 + ...), so every dx_i is the same factor dy:
    const auto value = static_cast<acc_type<T>>(op.factor * static_cast<double>(*op.dy));
    map_elements(
        op.count, [=] { return value; }, op.dx);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void SumOp<T>::forward_kernel() const {
    using namespace cuda;
    const int64_t groups = std::clamp<int64_t>(count / elements_a_group, 1, most_groups);
    const Scratch<double> partial(groups);
    launch(sum_forward_kernel<T>, static_cast<unsigned>(groups), threads, 0, compute_stream(), count, x,
           partial.data());
    launch(sum_groups_kernel<A>, 1u, warp_size, 0, compute_stream(), groups, factor, partial.data(), y);
}

template <class T>
void SumOp<T>::backward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(sum_backward_kernel<T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(SumOp)

}  // namespace swingrad

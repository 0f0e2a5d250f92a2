// Column sums: see sums.h for what, sums_device.h for the plan of the first of two launches. Bytes moved: x once, and
// 2 groups C for the partial sums, which stay in the cache.

#include "cuda/toolkit/sums.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums_device.h"

#include <algorithm>

namespace swingrad::cuda {
namespace {

constexpr int64_t rows_a_group = 128, most_groups = 128;

}  // namespace

template <class T>
__global__ void column_sums_kernel(int64_t rows, int64_t groups, int64_t C, const T* x, acc_type<T>* partial) {
    const auto sum =
        group_column_sum<acc_type<T>>(rows, groups, C, [=](int64_t row, int64_t c) { return widen(x[row * C + c]); });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < C) partial[blockIdx.y * C + column] = sum;
}

// A thread an element: it walks down the groups, in order.
template <class T>
__global__ void add_groups_kernel(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= count) return;
    T sum = partial[i];
    for (int64_t group = 1; group < groups; ++group) sum += partial[group * stride + i];
    to[i] = sum;
}

int64_t row_groups(int64_t rows) { return std::clamp<int64_t>(rows / rows_a_group, 1, most_groups); }

template <class T>
void add_groups(int64_t groups, int64_t stride, int64_t count, const T* partial, T* to) {
    if (count == 0) return;
    launch(add_groups_kernel<T>, blocks_for(count, 256), 256, 0, compute_stream(), groups, stride, count, partial, to);
}

template <class T>
void column_sums(int64_t rows, int64_t C, const T* x, acc_type<T>* sums) {
    if (C == 0) return;
    const int64_t groups = row_groups(rows);
    const Scratch<acc_type<T>> partial(groups * C);
    launch(column_sums_kernel<T>, dim3(blocks_for(C, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, groups, C, x, partial.data());
    add_groups(groups, C, C, partial.data(), sums);
}

template void add_groups(int64_t, int64_t, int64_t, const float*, float*);
template void add_groups(int64_t, int64_t, int64_t, const double*, double*);
template void column_sums(int64_t, int64_t, const float*, float*);
template void column_sums(int64_t, int64_t, const double*, double*);
template void column_sums(int64_t, int64_t, const bfloat16*, float*);

}  // namespace swingrad::cuda

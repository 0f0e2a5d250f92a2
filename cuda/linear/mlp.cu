// mlp on a device. Mathematics and names: ops/linear/mlp.cpp.
//
// The products are a library's (cuda/runtime/gemm.h), so a, g, dg and da go through memory. The two kernels are what
// lies between the products, one pass over them.
//
// Forward: a thread four elements, a block's width apart, so that neighbours read neighbours and four reads are on
// their way at once. Reads a, writes g; the bias came with the product.
//
// Backward: the plan of cuda/toolkit/sums_device.h, a thread a column of every eighth row of a group; while dbias1 is
// summed, each element of a and dg is read and g and da are written, once. Then the groups' sums are added. g costs one
// exponential to make again, shared with the slope, and 2 rows U bytes to keep from forward to backward.

#include "cuda/linear/mlp.h"

#include "core/scalar.h"
#include "cuda/runtime/gemm.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

namespace swingrad::cuda {

constexpr int elements_a_thread = 4;
constexpr unsigned threads_a_block = 256;

template <class T>
__global__ void mlp_forward_kernel(int64_t count, const T* a, T* g) {
    const int64_t first = int64_t{blockIdx.x} * elements_a_thread * threads_a_block + threadIdx.x;
    T values[elements_a_thread];
#pragma unroll
    for (int j = 0; j < elements_a_thread; ++j)
        if (const int64_t i = first + j * threads_a_block; i < count) values[j] = a[i];
#pragma unroll
    for (int j = 0; j < elements_a_thread; ++j)
        if (const int64_t i = first + j * threads_a_block; i < count) g[i] = narrow<T>(Gelu::value(widen(values[j])));
}

// partial [groups, U]
template <class T>
__global__ void mlp_backward_kernel(int64_t rows, int64_t groups, int64_t U, const T* a, T* g, T* da,
                                    acc_type<T>* partial) {
    using W = acc_type<T>;
    const W dbias1 = group_column_sum<W>(rows, groups, U, [=](int64_t row, int64_t u) {
        const int64_t i = row * U + u;
        // forward: g = gelu(a), so:
        W value, slope;
        Gelu::value_and_slope(widen(a[i]), value, slope);
        const W dg_slope = widen(da[i]) * slope;
        g[i] = narrow<T>(value);
        da[i] = narrow<T>(dg_slope);
        return dg_slope;
    });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y == 0 && column < U) partial[blockIdx.y * U + column] = dbias1;
}

// ---- launchers

// g = gelu(a), `count` elements. The two may be the same memory.
template <class T>
void gelu_forward(int64_t count, const T* a, T* g) {
    if (count == 0) return;
    launch(mlp_forward_kernel<T>, blocks_for(count, elements_a_thread * threads_a_block), threads_a_block, 0,
           compute_stream(), count, a, g);
}

// a, g, da [rows, U]. Where da holds dg, it gets da = dg gelu'(a); g = gelu(a) is made again; dbias1 [U] is the sum of
// da over rows, before it is rounded.
template <class T>
void gelu_backward(int64_t rows, int64_t U, const T* a, T* g, T* da, acc_type<T>* dbias1) {
    const int64_t groups = row_groups(rows);
    const auto partial = partial_sums<acc_type<T>>(groups * U);
    launch(mlp_backward_kernel<T>, dim3(blocks_for(U, sum_columns), static_cast<unsigned>(groups)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), rows, groups, U, a, g, da, partial->data());
    add_groups_of_gradient(groups, U, U, partial, 0, dbias1);
}

}  // namespace swingrad::cuda

namespace swingrad {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

template <class T>
void MlpOp<T>::forward_kernel() const {
    using namespace cuda;
    const Scratch<T> scratch(rows * U);
    T *const g = scratch.data(), *const hidden = a ? a : g;
    // 1. a = x weight1^T + bias1
    gemm_bias(rows, U, C, x, weight1, bias1, hidden);
    // 2. g = gelu(a)
    gelu_forward<T>(rows * U, hidden, g);
    // 3. y = g weight2^T + bias2
    gemm_bias(rows, O, U, g, weight2, bias2, y);
}

template <class T>
void MlpOp<T>::backward_kernel() const {
    using namespace cuda;
    const Scratch<T> scratch(2 * rows * U);
    T *const g = scratch.data(), *const da = g + rows * U;
    // forward: y = g weight2^T + bias2, so (da holds dg until gelu's slope is known):
    cuda::gemm(plain, plain, rows, U, O, dy, O, weight2, U, da, U, false);
    // forward: g = gelu(a), so:
    gelu_backward<T>(rows, U, a, g, da, dbias1);
    cuda::gemm(transposed, plain, O, U, rows, dy, O, g, U, dweight2, U, false);
    column_sums(rows, O, dy, dbias2);
    // forward: a = x weight1^T + bias1, so:
    cuda::gemm(plain, plain, rows, C, U, da, U, weight1, C, dx, C, false);
    cuda::gemm(transposed, plain, U, C, rows, da, U, x, C, dweight1, C, false);
}

SWINGRAD_KERNELS(MlpOp)

}  // namespace swingrad

// Pointwise functions and their gradients. Mathematics and names: ops/pointwise/pointwise.cpp; plan: cuda/toolkit/elementwise.h. Bytes:
// of a forward pass x and y, of a backward pass x, dy and dx.
//
// Kernels of a function of your own: include this in a kernel file, and there instantiate both launchers for float,
// double and bfloat16, as cuda/pointwise/pointwise.cu does. Then tell ops/pointwise/pointwise.h, where it is used:
//
//     template <>
//     inline constexpr bool swingrad::cuda::has_pointwise_kernels<Softplus> = true;
#pragma once

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/pointwise/pointwise.h"

namespace swingrad::cuda {

template <class F, class T>
__global__ void pointwise_forward_kernel(int64_t count, const T* x, T* y) {
    map_elements(
        count, [](acc_type<T> x_i) { return F::value(x_i); }, y, x);
}

template <class F, class T>
__global__ void pointwise_backward_kernel(int64_t count, const T* x, const T* dy, T* dx) {
    // forward: y = f(x), so:
    map_elements(
        count, [](acc_type<T> x_i, acc_type<T> dy_i) { return dy_i * F::slope(x_i); }, dx, x, dy);
}

// ---- launchers

template <class F, class T>
void pointwise_forward(int64_t count, const T* x, T* y) {
    if (count == 0) return;
    launch(pointwise_forward_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(),
           count, x, y);
}

template <class F, class T>
void pointwise_backward(int64_t count, const T* x, const T* dy, T* dx) {
    if (count == 0) return;
    launch(pointwise_backward_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(),
           count, x, dy, dx);
}

}  // namespace swingrad::cuda

// add, subtract, multiply, scale and the pointwise functions of core/scalar.h. Mathematics and names:
// ops/pointwise/pointwise.cpp. Plan: cuda/toolkit/elementwise.h. Bytes: each operand once and the result, the limit being memory. The
// kernels of the functions are in cuda/pointwise/pointwise_kernels.h, for other files to instantiate too.

#include "cuda/pointwise/pointwise.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/pointwise/pointwise_kernels.h"

namespace swingrad::cuda {

template <class F, class T>
__global__ void combine_kernel(int64_t count, const T* a, const T* b, T* y) {
    map_elements(
        count, [](acc_type<T> a_i, acc_type<T> b_i) { return F::value(a_i, b_i); }, y, a, b);
}

template <class T>
__global__ void scale_kernel(int64_t count, acc_type<T> factor, const T* x, T* y) {
    map_elements(
        count, [=](acc_type<T> x_i) { return factor * x_i; }, y, x);
}

// ---- launchers

template <class F, class T>
void combine(int64_t count, const T* a, const T* b, T* y) {
    if (count == 0) return;
    launch(combine_kernel<F, T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), count, a, b,
           y);
}

template <class T>
void scale(int64_t count, acc_type<T> factor, const T* x, T* y) {
    if (count == 0) return;
    launch(scale_kernel<T>, blocks_for_elements<T>(count), elementwise_threads, 0, compute_stream(), count, factor, x,
           y);
}

#define INSTANTIATE_FUNCTION(F, T)                             \
    template void pointwise_forward<F>(int64_t, const T*, T*); \
    template void pointwise_backward<F>(int64_t, const T*, const T*, T*);
#define INSTANTIATE(T)                                             \
    INSTANTIATE_FUNCTION(Relu, T)                                  \
    INSTANTIATE_FUNCTION(Gelu, T)                                  \
    INSTANTIATE_FUNCTION(Sigmoid, T)                               \
    INSTANTIATE_FUNCTION(Exp, T)                                   \
    INSTANTIATE_FUNCTION(Log, T)                                   \
    template void combine<Plus>(int64_t, const T*, const T*, T*);  \
    template void combine<Minus>(int64_t, const T*, const T*, T*); \
    template void combine<Times>(int64_t, const T*, const T*, T*); \
    template void scale(int64_t, acc_type<T>, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE
#undef INSTANTIATE_FUNCTION

}  // namespace swingrad::cuda

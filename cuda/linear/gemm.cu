// The kernel beside the matrix products, which are a library's: c's rows begin as the bias, and the product is added.
//
// Plan: a thread an element, neighbours write neighbours. Writes c once; the bias stays in the cache.

#include "cuda/runtime/gemm.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void fill_rows_kernel(int64_t count, int64_t n, const acc_type<T>* bias, T* c) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count) c[i] = narrow<T>(bias[i % n]);
}

template <class T>
void fill_rows(int64_t m, int64_t n, const acc_type<T>* bias, T* c) {
    if (m * n == 0) return;
    launch(fill_rows_kernel<T>, blocks_for(m * n, 256), 256, 0, compute_stream(), m * n, n, bias, c);
}

template void fill_rows(int64_t, int64_t, const float*, float*);
template void fill_rows(int64_t, int64_t, const double*, double*);
template void fill_rows(int64_t, int64_t, const float*, bfloat16*);

}  // namespace swingrad::cuda

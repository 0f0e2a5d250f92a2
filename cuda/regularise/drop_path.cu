// drop_path_keep and drop_path. Mathematics and names: ops/regularise/drop_path.cpp.
//
// keep is drawn by a thread a sample: the same bits as on the CPU. A sample is then scaled by as many blocks as it has
// pieces, its elements taken as cuda/toolkit/elementwise.h says. Bytes: x and y. No barrier.

#include "cuda/regularise/drop_path.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void drop_path_keep_kernel(int64_t B, double q, T kept, Random random, T* keep) {
    const int64_t b = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (b < B) keep[b] = static_cast<double>(random.uniform(static_cast<uint64_t>(b))) < q ? kept : T(0);
}

template <class T>
__global__ void drop_path_kernel(unsigned blocks_a_sample, int64_t elements, const T* x, const acc_type<T>* keep, T* y) {
    constexpr int n = elements_a_thread<T>;
    const int64_t b = blockIdx.x / blocks_a_sample, piece = blockIdx.x % blocks_a_sample;
    const int64_t first = (piece * elementwise_threads + threadIdx.x) * n;
    const acc_type<T> keep_b = keep[b];
    map_pack<n>(
        first, elements, [=](int, acc_type<T> x_i) { return x_i * keep_b; }, y + b * elements, x + b * elements);
}

// ---- launchers

template <class T>
void drop_path_keep(int64_t B, double q, T kept, Random random, T* keep) {
    if (B == 0) return;
    launch(drop_path_keep_kernel<T>, blocks_for(B, 256), 256, 0, compute_stream(), B, q, kept, random, keep);
}

template <class T>
void drop_path(int64_t B, int64_t elements, const T* x, const acc_type<T>* keep, T* y) {
    if (B == 0 || elements == 0) return;
    const unsigned blocks_a_sample = blocks_for_elements<T>(elements);
    launch(drop_path_kernel<T>, static_cast<unsigned>(B) * blocks_a_sample, elementwise_threads, 0, compute_stream(),
           blocks_a_sample, elements, x, keep, y);
}

template void drop_path_keep(int64_t, double, float, Random, float*);
template void drop_path_keep(int64_t, double, double, Random, double*);
template void drop_path(int64_t, int64_t, const float*, const float*, float*);
template void drop_path(int64_t, int64_t, const double*, const double*, double*);
template void drop_path(int64_t, int64_t, const bfloat16*, const float*, bfloat16*);

}  // namespace swingrad::cuda

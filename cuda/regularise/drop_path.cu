// drop_path_keep and drop_path. Mathematics and names: ops/regularise/drop_path.cpp.
//
// keep is drawn by a thread a sample: the same bits as on the CPU. A sample is then scaled by as many blocks as it has
// pieces, its elements taken as cuda/toolkit/elementwise.h says. Bytes: x and y. No barrier.

#include "cuda/regularise/drop_path.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void drop_path_keep_kernel(DropPathKeepOp<T> op, T kept) {
    const int64_t b = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (b >= op.B) return;
    op.keep[b] = static_cast<double>(op.random.uniform(static_cast<uint64_t>(b))) < op.q ? kept : T(0);
}

template <class T>
__global__ void drop_path_kernel(unsigned blocks_a_sample, DropPathOp<T> op) {
    constexpr int n = elements_a_thread<T>;
    const int64_t b = blockIdx.x / blocks_a_sample, piece = blockIdx.x % blocks_a_sample;
    const int64_t first = (piece * elementwise_threads + threadIdx.x) * n;
    const acc_type<T> keep_b = op.keep[b];
    map_pack<n>(
        first, op.elements, [=](int, acc_type<T> x_i) { return x_i * keep_b; }, op.y + b * op.elements,
        op.x + b * op.elements);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void DropPathKeepOp<T>::forward_kernel() const {
    using namespace cuda;
    if (B == 0) return;
    launch(drop_path_keep_kernel<T>, blocks_for(B, 256), 256, 0, compute_stream(), *this, static_cast<T>(1 / q));
}

template <class T>
void DropPathOp<T>::forward_kernel() const {
    using namespace cuda;
    if (B == 0 || elements == 0) return;
    const unsigned blocks_a_sample = blocks_for_elements<T>(elements);
    launch(drop_path_kernel<T>, static_cast<unsigned>(B) * blocks_a_sample, elementwise_threads, 0, compute_stream(),
           blocks_a_sample, *this);
}

template void DropPathKeepOp<float>::forward_kernel() const;
template void DropPathKeepOp<double>::forward_kernel() const;
template void DropPathOp<float>::forward_kernel() const;
template void DropPathOp<double>::forward_kernel() const;
template void DropPathOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

// dropout. Mathematics and names: ops/regularise/dropout.cpp.
//
// A thread four elements, which share one draw: the same words for the same elements as on the CPU. Loads and stores
// are those of cuda/toolkit/elementwise.h. Bytes: x and y; the mask is nowhere written down. No barrier.
// `drawn` lies where a captured step finds the numbers of the step: all threads read the same sixteen bytes.

#include "cuda/regularise/dropout.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void dropout_kernel(DropoutOp<T> op) {
    const int64_t draw = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, first = draw * DropoutOp<T>::words_a_draw;
    if (first >= op.count) return;
    const auto words = op.source().words(static_cast<uint64_t>(draw));
    const auto factor = static_cast<acc_type<T>>(op.factor);
    const auto kept = [&](int k, acc_type<T> x_i) {
        return words[static_cast<size_t>(k)] < op.bound ? x_i * factor : acc_type<T>(0);
    };
    map_pack<DropoutOp<T>::words_a_draw>(first, op.count, kept, op.y, op.x);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void DropoutOp<T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(dropout_kernel<T>, blocks_for(count, words_a_draw * int64_t{elementwise_threads}), elementwise_threads, 0,
           compute_stream(), *this);
}

template void DropoutOp<float>::forward_kernel() const;
template void DropoutOp<double>::forward_kernel() const;
template void DropoutOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

// dropout. Mathematics and names: ops/regularise/dropout.cpp.
//
// A thread four elements, which share one draw: the same words for the same elements as on the CPU. Loads and stores
// are those of cuda/toolkit/elementwise.h. Bytes: x and y; the mask is nowhere written down. No barrier.

#include "cuda/regularise/dropout.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {
namespace {

constexpr int words_a_draw = 4;

}  // namespace

template <class T>
__global__ void dropout_kernel(int64_t count, uint64_t bound, acc_type<T> factor, Random random, const T* x, T* y) {
    const int64_t draw = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, first = draw * words_a_draw;
    if (first >= count) return;
    const auto words = random.words(static_cast<uint64_t>(draw));
    const auto kept = [&](int k, acc_type<T> x_i) {
        return words[static_cast<size_t>(k)] < bound ? x_i * factor : acc_type<T>(0);
    };
    map_pack<words_a_draw>(first, count, kept, y, x);
}

template <class T>
void dropout(int64_t count, uint64_t bound, double factor, Random random, const T* x, T* y) {
    if (count == 0) return;
    launch(dropout_kernel<T>, blocks_for(count, words_a_draw * int64_t{elementwise_threads}), elementwise_threads, 0,
           compute_stream(), count, bound, static_cast<acc_type<T>>(factor), random, x, y);
}

template void dropout(int64_t, uint64_t, double, Random, const float*, float*);
template void dropout(int64_t, uint64_t, double, Random, const double*, double*);
template void dropout(int64_t, uint64_t, double, Random, const bfloat16*, bfloat16*);

}  // namespace swingrad::cuda

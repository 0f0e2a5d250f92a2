// count_correct. Plan: a warp a sample. A lane looks whether one of its classes beats the label's logit; a warp where
// none has found one adds 1. Integers may be added in any order, so this is the one sum that atomics may take. Reads
// the logits once.

#include "cuda/loss/count_correct.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned samples_a_block = 8;  // warps

template <class T>
__global__ void count_correct_kernel(int64_t B, int64_t K, const T* logits, const int64_t* labels,
                                     unsigned long long* correct) {
    const int64_t b = int64_t{blockIdx.x} * samples_a_block + threadIdx.x / warp_size;
    if (b >= B) return;
    const T* z = logits + b * K;
    const int64_t label = labels[b];
    if (label < 0 || label >= K) return;
    const auto z_label = widen(z[label]);
    bool beaten = false;
    for (int64_t c = threadIdx.x % warp_size; c < K; c += warp_size) {
        const auto z_c = widen(z[c]);
        beaten = beaten || !(z_label > z_c || (z_label == z_c && c >= label));
    }
    if (!__any_sync(all_lanes, beaten) && threadIdx.x % warp_size == 0) atomicAdd(correct, 1ull);
}

template <class T>
void count_correct(int64_t B, int64_t K, const T* logits, const int64_t* labels, int64_t* correct) {
    if (B == 0) return;
    // CUDA's atomicAdd knows no signed 64-bit number; the bits of a sum are the same.
    launch(count_correct_kernel<T>, blocks_for(B, samples_a_block), samples_a_block * warp_size, 0, compute_stream(), B,
           K, logits, labels, reinterpret_cast<unsigned long long*>(correct));
}

template void count_correct(int64_t, int64_t, const float*, const int64_t*, int64_t*);
template void count_correct(int64_t, int64_t, const double*, const int64_t*, int64_t*);
template void count_correct(int64_t, int64_t, const bfloat16*, const int64_t*, int64_t*);

}  // namespace swingrad::cuda

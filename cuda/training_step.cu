// The ends of a training step: which images were classified rightly, and the step's record.
//
// count_hits: a warp a row, lane l taking columns l, l + 32, ...; each lane keeps its first largest, then the warp
// agrees on the largest value and, of those that have it, on the first column. close_step: one block, since all it does
// is add B small numbers; thread 0 writes the record. Neither has anything to do with the speed of training.

#include "cuda/training_step.h"

#include "cuda/flat_device.h"
#include "cuda/kernel.h"

#include <cmath>

namespace swingrad::cuda {

constexpr unsigned hits_rows_a_block = 8;  // warps

template <class T>
__global__ void count_hits_kernel(int64_t B, int64_t K, const T* logits, const int64_t* labels, int32_t* hits) {
    const int64_t b = int64_t{blockIdx.x} * hits_rows_a_block + threadIdx.x / warp_size;
    if (b >= B) return;  // the whole warp
    const unsigned lane = threadIdx.x % warp_size;
    Wide<T> largest = -INFINITY;
    int64_t column = K;
    for (int64_t k = lane; k < K; k += warp_size) {
        const Wide<T> logit = widen(logits[b * K + k]);
        if (column == K || logit > largest) {
            largest = logit;
            column = k;
        }
    }
    const Wide<T> of_row = warp_max(largest);
    // The first is the last when counted backwards.
    const int64_t from_end = warp_max(largest == of_row ? K - column : int64_t{0});
    if (lane == 0) hits[b] = K - from_end == labels[b] ? 1 : 0;
}

template <class W>
__global__ void close_step_kernel(const W* loss, const double* norm, int64_t B, const int32_t* hits, double max_norm,
                                  StepControl* control) {
    int64_t sum = 0;
    for (int64_t b = threadIdx.x; b < B; b += blockDim.x) sum += hits[b];
    const int64_t correct = block_sum(sum);
    if (threadIdx.x != 0) return;
    const int32_t current = ++control->current;
    control->records[current] = {static_cast<double>(*loss), *norm, correct};
    if (!std::isfinite(*loss) || !std::isfinite(*norm)) control->halted = 1;
    const double factor = max_norm / (*norm + 1e-6);
    control->gradient_scale = max_norm > 0 && factor < 1 ? factor : 1;
}

// ---- launchers

template <class T>
void count_hits(int64_t B, int64_t K, const T* logits, const int64_t* labels, int32_t* hits) {
    if (B == 0) return;
    launch(count_hits_kernel<T>, blocks_for(B, hits_rows_a_block), hits_rows_a_block * warp_size, 0, compute_stream(),
           B, K, logits, labels, hits);
}

template <class W>
void close_step(const W* loss, const double* norm, int64_t B, const int32_t* hits, double max_norm,
                StepControl* control) {
    launch(close_step_kernel<W>, 1, flat_threads, 0, compute_stream(), loss, norm, B, hits, max_norm, control);
}

template void count_hits(int64_t, int64_t, const float*, const int64_t*, int32_t*);
template void count_hits(int64_t, int64_t, const double*, const int64_t*, int32_t*);
template void count_hits(int64_t, int64_t, const bfloat16*, const int64_t*, int32_t*);
template void close_step(const float*, const double*, int64_t, const int32_t*, double, StepControl*);
template void close_step(const double*, const double*, int64_t, const int32_t*, double, StepControl*);

}  // namespace swingrad::cuda

// SGD. Mathematics and names: train/optim/sgd.cpp. Plan: that of cuda/optim/adamw.cu, with one moment less: 20 to
// 22 bytes an element.

#include "cuda/optim/sgd.h"

#include "cuda/optim/flat_device.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void sgd_factors_kernel(int64_t entry_count, const FlatEntry* entries, SGDNumbers numbers,
                                   const StepControl* control, int64_t* updates, SGDFactors<T>* factors) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= entry_count || control->halted || !entries[i].received) return;
    const double learning_rate = control->learning_rates[control->current] * entries[i].rate;
    factors[i] = sgd_factors<T>(numbers, learning_rate, entries[i].decays, updates[i]++ == 0);
}

template <class T>
__global__ void sgd_kernel(const FlatPiece* pieces, const FlatEntry* entries, const StepControl* control,
                           const SGDFactors<T>* factors, const T* g, const bfloat16* g_copies, T* w, T* b,
                           bfloat16* w_copies) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (control->halted || !entry.received) return;
    const SGDFactors<T> f = factors[piece.entry];
    const T scale = static_cast<T>(control->gradient_scale);
    for_elements_of(piece, [&](int64_t i) {
        const T gradient = scale * gradient_at(entry, g, g_copies, i);
        if (b) sgd_update(f, gradient, w[i], b[i]);
        else sgd_update_without_momentum(f, gradient, w[i]);
        if (entry.has_copy) w_copies[i] = narrow<bfloat16>(static_cast<float>(w[i]));
    });
}

// ---- launcher

template <class T>
void sgd_step(const FlatTable& table, const SGDNumbers& numbers, const StepControl* control, int64_t* updates,
              const T* g, const bfloat16* g_copies, T* w, T* b, bfloat16* w_copies) {
    if (table.piece_count == 0) return;
    const Scratch<SGDFactors<T>> factors(table.entry_count);
    launch(sgd_factors_kernel<T>, blocks_for(table.entry_count, 128), 128, 0, compute_stream(), table.entry_count,
           table.entries, numbers, control, updates, factors.data());
    launch(sgd_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(), table.pieces,
           table.entries, control, factors.data(), g, g_copies, w, b, w_copies);
}

#define INSTANTIATE(T)                                                                                  \
    template void sgd_step(const FlatTable&, const SGDNumbers&, const StepControl*, int64_t*, const T*, \
                           const bfloat16*, T*, T*, bfloat16*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

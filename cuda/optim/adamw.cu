// AdamW. Mathematics and names: train/optim/adamw.cpp.
//
// Two launches. The first, a thread a parameter, counts its update and works out what its elements share: powers in
// double, of which a few hundred cost nothing and one a block would cost more than the block's elements. The second is
// the step of all parameters at once, a block a piece (cuda/optim/flat_device.h): it reads g, w, m and v and writes w,
// m, v and the copy of w, 28 to 30 bytes an element, the limit being memory. Nothing synchronises.

#include "cuda/optim/adamw.h"

#include "cuda/optim/flat_device.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void adamw_factors_kernel(int64_t entry_count, const FlatEntry* entries, AdamWNumbers numbers,
                                     const StepControl* control, int64_t* updates, AdamWFactors<T>* factors) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= entry_count || control->halted || !entries[i].received) return;
    const double learning_rate = control->learning_rates[control->current] * entries[i].rate;
    factors[i] = adamw_factors<T>(numbers, learning_rate, entries[i].decays, ++updates[i]);
}

template <class T>
__global__ void adamw_kernel(const FlatPiece* pieces, const FlatEntry* entries, const StepControl* control,
                             const AdamWFactors<T>* factors, const T* g, const bfloat16* g_copies, T* w, T* m, T* v,
                             bfloat16* w_copies) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (control->halted || !entry.received) return;
    const AdamWFactors<T> f = factors[piece.entry];
    const T scale = static_cast<T>(control->gradient_scale);
    for_elements_of(piece, [&](int64_t i) {
        adamw_update(f, scale * gradient_at(entry, g, g_copies, i), w[i], m[i], v[i]);
        if (entry.has_copy) w_copies[i] = narrow<bfloat16>(static_cast<float>(w[i]));
    });
}

// ---- launcher

template <class T>
void adamw_step(const FlatTable& table, const AdamWNumbers& numbers, const StepControl* control, int64_t* updates,
                const T* g, const bfloat16* g_copies, T* w, T* m, T* v, bfloat16* w_copies) {
    if (table.piece_count == 0) return;
    const Scratch<AdamWFactors<T>> factors(table.entry_count);
    launch(adamw_factors_kernel<T>, blocks_for(table.entry_count, 128), 128, 0, compute_stream(), table.entry_count,
           table.entries, numbers, control, updates, factors.data());
    launch(adamw_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(), table.pieces,
           table.entries, control, factors.data(), g, g_copies, w, m, v, w_copies);
}

#define INSTANTIATE(T)                                                                                      \
    template void adamw_step(const FlatTable&, const AdamWNumbers&, const StepControl*, int64_t*, const T*, \
                             const bfloat16*, T*, T*, T*, bfloat16*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

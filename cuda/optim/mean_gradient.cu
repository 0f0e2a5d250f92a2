// The mean of several batches' gradients. What it is for: train/optim/mean_gradient.cpp.
//
// A block a piece (cuda/optim/flat_device.h), a thread an element: no sum is shared, so that its order is that of the
// batches. Reads and writes gradient and sum, 16 bytes an element in float32; the limit is memory.

#include "cuda/optim/mean_gradient.h"

#include "cuda/optim/flat_device.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

// The number of batches of the step that is under way: close_step counts it at its end.
__device__ int32_t batches_of(const StepControl* control) { return control->batches[control->current + 1]; }

template <class T>
__global__ void add_gradients_kernel(const FlatPiece* pieces, const FlatEntry* entries, T* g, bfloat16* g_copies,
                                     T* sums) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (!entry.received) return;
    for_elements_of(piece, [&](int64_t i) {
        sums[i] += gradient_at(entry, g, g_copies, i);
        if (entry.has_copy) g_copies[i] = narrow<bfloat16>(0.0f);
        else g[i] = 0;
    });
}

template <class T>
__global__ void finish_gradients_kernel(const FlatPiece* pieces, const FlatEntry* entries, const StepControl* control,
                                        const T* sums, T* g, bfloat16* g_copies) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (!entry.received) return;
    const T batches = static_cast<T>(batches_of(control));
    for_elements_of(piece, [&](int64_t i) {
        const T mean = sums[i] / batches;
        if (entry.has_copy) g_copies[i] = narrow<bfloat16>(static_cast<float>(mean));
        else g[i] = mean;
    });
}

template <class W>
__global__ void add_loss_kernel(const W* loss, W* loss_sum) {
    *loss_sum += *loss;
}

template <class W>
__global__ void finish_loss_kernel(const StepControl* control, W* loss_sum) {
    *loss_sum /= static_cast<W>(batches_of(control));
}

// ---- launchers

template <class T>
void add_gradients(const FlatTable& table, T* g, bfloat16* g_copies, T* sums) {
    if (table.piece_count == 0) return;
    launch(add_gradients_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(),
           table.pieces, table.entries, g, g_copies, sums);
}

template <class T>
void finish_gradients(const FlatTable& table, const StepControl* control, const T* sums, T* g, bfloat16* g_copies) {
    if (table.piece_count == 0) return;
    launch(finish_gradients_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(),
           table.pieces, table.entries, control, sums, g, g_copies);
}

template <class W>
void add_loss(const W* loss, W* loss_sum) {
    launch(add_loss_kernel<W>, 1, 1, 0, compute_stream(), loss, loss_sum);
}

template <class W>
void finish_loss(const StepControl* control, W* loss_sum) {
    launch(finish_loss_kernel<W>, 1, 1, 0, compute_stream(), control, loss_sum);
}

#define INSTANTIATE(T)                                                                             \
    template void add_gradients(const FlatTable&, T*, bfloat16*, T*);                              \
    template void finish_gradients(const FlatTable&, const StepControl*, const T*, T*, bfloat16*); \
    template void add_loss(const T*, T*);                                                          \
    template void finish_loss(const StepControl*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

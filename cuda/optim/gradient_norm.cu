// The norm of the gradient, and its clipping. What it is for: train/optim/clip.h.
//
// Two launches: squares are summed by a block a piece (cuda/optim/flat_device.h), and the pieces' sums by one block,
// thread t taking every 256th from t on. No atomics: the order of every sum is fixed, whatever the GPU. Sums are in
// double, which a pass limited by memory has time for: it reads each gradient once.

#include "cuda/optim/gradient_norm.h"

#include "cuda/optim/flat_device.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/runtime/scratch.h"

namespace swingrad::cuda {

template <class T>
__global__ void gradient_squares_kernel(const FlatPiece* pieces, const FlatEntry* entries, const T* g,
                                        const bfloat16* g_copies, double* squares) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    double sum = 0;
    if (entry.received)
        for_elements_of(piece, [&](int64_t i) {
            const auto one = static_cast<double>(gradient_at(entry, g, g_copies, i));
            sum += one * one;
        });
    const double total = block_sum(sum);
    if (threadIdx.x == 0) squares[blockIdx.x] = total;
}

__global__ void root_of_sum_kernel(int64_t count, const double* squares, double* norm) {
    double sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += squares[i];
    const double total = block_sum(sum);
    if (threadIdx.x == 0) *norm = sqrt(total);
}

template <class T>
__global__ void scale_gradients_kernel(const FlatPiece* pieces, const FlatEntry* entries, T factor, T* g,
                                       bfloat16* g_copies) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (!entry.received) return;
    for_elements_of(piece, [&](int64_t i) {
        const T scaled = factor * gradient_at(entry, g, g_copies, i);
        if (entry.has_copy) g_copies[i] = narrow<bfloat16>(static_cast<float>(scaled));
        else g[i] = scaled;
    });
}

// ---- launchers

template <class T>
void gradient_norm(const FlatTable& table, const T* g, const bfloat16* g_copies, double* norm) {
    const Scratch<double> squares(table.piece_count);
    if (table.piece_count > 0)
        launch(gradient_squares_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(),
               table.pieces, table.entries, g, g_copies, squares.data());
    launch(root_of_sum_kernel, 1, flat_threads, 0, compute_stream(), table.piece_count, squares.data(), norm);
}

template <class T>
void scale_gradients(const FlatTable& table, double factor, T* g, bfloat16* g_copies) {
    if (table.piece_count == 0) return;
    launch(scale_gradients_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(),
           table.pieces, table.entries, static_cast<T>(factor), g, g_copies);
}

#define INSTANTIATE(T)                                                                 \
    template void gradient_norm(const FlatTable&, const T*, const bfloat16*, double*); \
    template void scale_gradients(const FlatTable&, double, T*, bfloat16*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// Clipping by value and by unit. What it is for: train/optim/clipping.cpp.
//
// clip_values: a block a piece (cuda/optim/flat_device.h). clip_units: a block of 256 threads a unit, which is read
// twice, once for the two sums of squares, in double and in a fixed order, and once to be scaled. A unit is a row of a
// weight, some hundred elements, so that a block has one or two elements a thread; limited by memory all the same.

#include "cuda/optim/clip.h"

#include "cuda/optim/flat_device.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__device__ void set_gradient(const FlatEntry& entry, T* g, bfloat16* g_copies, int64_t i, T value) {
    if (entry.has_copy) g_copies[i] = narrow<bfloat16>(static_cast<float>(value));
    else g[i] = value;
}

template <class T>
__global__ void clip_values_kernel(const FlatPiece* pieces, const FlatEntry* entries, T most, T* g,
                                   bfloat16* g_copies) {
    const FlatPiece piece = pieces[blockIdx.x];
    const FlatEntry entry = entries[piece.entry];
    if (!entry.received) return;
    for_elements_of(piece, [&](int64_t i) {
        set_gradient(entry, g, g_copies, i, clamped(gradient_at(entry, g, g_copies, i), most));
    });
}

template <class T>
__global__ void clip_units_kernel(const ClipUnit* units, const FlatEntry* entries, double clip, const T* w, T* g,
                                  bfloat16* g_copies) {
    __shared__ double factor;
    const ClipUnit unit = units[blockIdx.x];
    const FlatEntry entry = entries[unit.entry];
    if (!entry.received) return;
    double w_squares = 0, g_squares = 0;
    for (int64_t i = unit.begin + threadIdx.x; i < unit.begin + unit.count; i += blockDim.x) {
        const auto weight = static_cast<double>(w[i]);
        const auto gradient = static_cast<double>(gradient_at(entry, g, g_copies, i));
        w_squares += weight * weight;
        g_squares += gradient * gradient;
    }
    const double of_w = block_sum(w_squares);
    __syncthreads();  // both sums go through the same shared memory
    const double of_g = block_sum(g_squares);
    if (threadIdx.x == 0) factor = unit_factor(of_w, of_g, clip);
    __syncthreads();
    if (factor == 1) return;
    for (int64_t i = unit.begin + threadIdx.x; i < unit.begin + unit.count; i += blockDim.x)
        set_gradient(entry, g, g_copies, i, static_cast<T>(factor) * gradient_at(entry, g, g_copies, i));
}

// ---- launchers

template <class T>
void clip_values(const FlatTable& table, double most, T* g, bfloat16* g_copies) {
    if (table.piece_count == 0) return;
    launch(clip_values_kernel<T>, static_cast<unsigned>(table.piece_count), flat_threads, 0, compute_stream(),
           table.pieces, table.entries, static_cast<T>(most), g, g_copies);
}

template <class T>
void clip_units(const FlatTable& table, int64_t unit_count, const ClipUnit* units, double clip, const T* w, T* g,
                bfloat16* g_copies) {
    if (unit_count == 0) return;
    launch(clip_units_kernel<T>, static_cast<unsigned>(unit_count), flat_threads, 0, compute_stream(), units,
           table.entries, clip, w, g, g_copies);
}

#define INSTANTIATE(T)                                                  \
    template void clip_values(const FlatTable&, double, T*, bfloat16*); \
    template void clip_units(const FlatTable&, int64_t, const ClipUnit*, double, const T*, T*, bfloat16*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

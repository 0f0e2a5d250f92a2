// relative_bias. Mathematics and names: ops/attention/relative_bias.cpp.
//
// Forward: a thread a pair. Backward: a thread an entry, which gathers from the pairs of its offset, in the order of
// their queries as the CPU does; so nothing is added by two threads at once. The pairs of an offset (down, across) are
// the queries i whose key, `down` rows above and `across` columns to the left, is in the window too. Bytes: the table
// and y, dy and dtable; neighbours (heads of one offset) read far apart, which is nobody's bottleneck: the attention
// operations have their own kernels. No barrier.

#include "cuda/attention/relative_bias.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void relative_bias_forward_kernel(int64_t heads, int64_t N, const int32_t* place, int32_t centre,
                                             const T* table, T* y) {
    const int64_t pair = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (pair >= heads * N * N) return;
    const int64_t head = pair / (N * N), i = pair / N % N, j = pair % N;
    y[pair] = table[(place[i] - place[j] + centre) * heads + head];
}

template <class T>
__global__ void relative_bias_backward_kernel(int64_t heads, int64_t Mh, int64_t Mw, const T* dy, T* dtable) {
    const int64_t entry = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, across_offsets = 2 * Mw - 1, N = Mh * Mw;
    if (entry >= (2 * Mh - 1) * across_offsets * heads) return;
    const int64_t r = entry / heads, head = entry % heads;
    const int64_t down = r / across_offsets - (Mh - 1), across = r % across_offsets - (Mw - 1);
    // forward: y[pair] = table[entry], so:
    acc_type<T> sum = 0;
    for (int64_t row = down > 0 ? down : 0; row < Mh && row - down < Mh; ++row)
        for (int64_t column = across > 0 ? across : 0; column < Mw && column - across < Mw; ++column) {
            const int64_t i = row * Mw + column, j = (row - down) * Mw + column - across;
            sum += widen(dy[(head * N + i) * N + j]);
        }
    dtable[entry] = narrow<T>(sum);
}

// ---- launchers

template <class T>
void relative_bias_forward(int64_t heads, int64_t N, const int32_t* place, int32_t centre, const T* table, T* y) {
    if (heads == 0) return;
    launch(relative_bias_forward_kernel<T>, blocks_for(heads * N * N, 256), 256, 0, compute_stream(), heads, N, place,
           centre, table, y);
}

template <class T>
void relative_bias_backward(int64_t heads, int64_t window_rows, int64_t window_columns, const T* dy, T* dtable) {
    if (heads == 0) return;
    const int64_t entries = (2 * window_rows - 1) * (2 * window_columns - 1) * heads;
    launch(relative_bias_backward_kernel<T>, blocks_for(entries, 256), 256, 0, compute_stream(), heads, window_rows,
           window_columns, dy, dtable);
}

#define INSTANTIATE(T)                                                                            \
    template void relative_bias_forward(int64_t, int64_t, const int32_t*, int32_t, const T*, T*); \
    template void relative_bias_backward(int64_t, int64_t, int64_t, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// relative_bias. Mathematics and names: ops/attention/relative_bias.cpp.
//
// Forward: a thread a pair. Backward: a thread an entry of the table, which gathers from the pairs of its relative
// position, in the order of their queries as the CPU does; so nothing is added by two threads at once. The pairs of the
// relative position (down, across) are the queries i whose key, `down` rows above and `across` columns to the left, is
// in the window too. Bytes: the table and y, dy and dtable. Neighbours (heads of one relative position) read far apart,
// which costs little where it counts: the attention operations have their own kernels. No barrier.

#include "cuda/attention/relative_bias.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void relative_bias_forward_kernel(RelativeBiasOp<T> op) {
    const int64_t pair = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, N = op.Mh * op.Mw;
    if (pair >= op.heads * N * N) return;
    const int64_t head = pair / (N * N), i = pair / N % N, j = pair % N;
    op.y[pair] = op.table[(op.position[i] - op.position[j] + op.centre) * op.heads + head];
}

template <class T>
__global__ void relative_bias_backward_kernel(RelativeBiasOp<T> op) {
    const int64_t Mh = op.Mh, Mw = op.Mw, N = Mh * Mw, positions_across = 2 * Mw - 1;
    const int64_t entry = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (entry >= (2 * Mh - 1) * positions_across * op.heads) return;
    const int64_t r = entry / op.heads, head = entry % op.heads;
    const int64_t down = r / positions_across - (Mh - 1), across = r % positions_across - (Mw - 1);
    // forward: y[pair] = table[entry], so:
    acc_type<T> sum = 0;
    for (int64_t row = down > 0 ? down : 0; row < Mh && row - down < Mh; ++row)
        for (int64_t column = across > 0 ? across : 0; column < Mw && column - across < Mw; ++column) {
            const int64_t i = row * Mw + column, j = (row - down) * Mw + column - across;
            sum += widen(op.dy[(head * N + i) * N + j]);
        }
    op.dtable[entry] = narrow<T>(sum);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void RelativeBiasOp<T>::forward_kernel() const {
    using namespace cuda;
    if (heads == 0) return;
    launch(relative_bias_forward_kernel<T>, blocks_for(heads * Mh * Mw * Mh * Mw, 256), 256, 0, compute_stream(),
           *this);
}

template <class T>
void RelativeBiasOp<T>::backward_kernel() const {
    using namespace cuda;
    if (heads == 0) return;
    launch(relative_bias_backward_kernel<T>, blocks_for((2 * Mh - 1) * (2 * Mw - 1) * heads, 256), 256, 0,
           compute_stream(), *this);
}

SWINGRAD_KERNELS(RelativeBiasOp)

}  // namespace swingrad

// embedding. Mathematics and names: ops/layout/embedding.cpp.
//
// Forward: a warp a token, which copies a row of the weight: neighbours read, neighbours written.
//
// Backward: of the tokens with one index the first owns the index' row of dweight, and adds up what all of them have,
// in order. So there are no atomics, and the bits are the same every time. A warp is a token and a stretch of 256
// columns, of which a lane keeps eight sums in registers. It looks through all indices, 32 at a time, a lane each:
// where an earlier token has its index it is not the owner, and ends. In a text most tokens come again and again, and
// most warps end soon. What owners read is tokens indices each, from the cache, and each row of dy once. No barrier.

#include "cuda/layout/embedding.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/warp_row.h"

namespace swingrad::cuda {

constexpr int columns_a_lane = 8, columns_a_warp = columns_a_lane * static_cast<int>(warp_size);

template <class T>
__global__ void embedding_forward_kernel(EmbeddingOp<T> op) {
    const int64_t token = row_of_warp(), C = op.C;
    if (token >= op.tokens) return;
    const int64_t v = op.index[token];
    const bool in_range = v >= 0 && v < op.V;
    for (int64_t c = lane_of_thread(); c < C; c += warp_size)
        op.y[token * C + c] = in_range ? op.weight[v * C + c] : narrow<T>(static_cast<acc_type<T>>(NAN));
}

// Which of the 32 tokens from `first` on, below `end`, have index v: a bit each.
__device__ inline unsigned tokens_with(int64_t v, const int64_t* index, int64_t first, int64_t end) {
    const int64_t token = first + lane_of_thread();
    return __ballot_sync(all_lanes, token < end && index[token] == v);
}

template <class T>
__global__ void embedding_backward_kernel(EmbeddingOp<T> op) {
    const int64_t own = row_of_warp(), C = op.C;
    if (own >= op.tokens) return;
    const int64_t v = op.index[own];
    if (v < 0 || v >= op.V) return;
    for (int64_t first = 0; first < own; first += warp_size)
        if (tokens_with(v, op.index, first, own) != 0) return;

    const int64_t column = int64_t{blockIdx.y} * columns_a_warp + lane_of_thread();
    acc_type<T> sums[columns_a_lane] = {};
    for (int64_t first = own; first < op.tokens; first += warp_size) {
        const unsigned found = tokens_with(v, op.index, first, op.tokens);
        // forward: y_token = weight_v, so:
        for (unsigned k = 0; k < warp_size; ++k) {
            if ((found >> k & 1u) == 0) continue;
            const T* dy_row = op.dy + (first + k) * C;
            for (int n = 0; n < columns_a_lane; ++n)
                if (const int64_t c = column + n * int64_t{warp_size}; c < C) sums[n] += widen(dy_row[c]);
        }
    }
    for (int n = 0; n < columns_a_lane; ++n)
        if (const int64_t c = column + n * int64_t{warp_size}; c < C) op.dweight[v * C + c] = narrow<T>(sums[n]);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void EmbeddingOp<T>::forward_kernel() const {
    using namespace cuda;
    if (tokens == 0) return;
    launch(embedding_forward_kernel<T>, blocks_for(tokens, rows_a_block), rows_a_block * warp_size, 0, compute_stream(),
           *this);
}

template <class T>
void EmbeddingOp<T>::backward_kernel() const {
    using namespace cuda;
    if (tokens == 0 || C == 0) return;
    launch(embedding_backward_kernel<T>, dim3(blocks_for(tokens, rows_a_block), blocks_for(C, columns_a_warp)),
           rows_a_block * warp_size, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(EmbeddingOp)

}  // namespace swingrad

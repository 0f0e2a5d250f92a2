// Attention within shifted windows, forward. Mathematics and names: ops/attention/window_attention.cpp; the online
// softmax: ops/attention/sequential_attention.cpp. Backward: window_attention_backward.cu.
//
// Plan: a thread a query, no exchange between threads but through a tile of keys in shared memory. A block takes tiles
// of 64 tokens: of a small window (4 x 4: 16 tokens) as many whole windows as fit, of a large one a part of its
// queries. Each thread reads q, k and v of its token (through the window's table of indices: windows are never formed),
// keeps q^ in registers and puts k^ and v into shared memory; then it walks over the keys of its window, which all
// threads of a warp read at once from one address (a broadcast), with D multiplications for the score and D for the sum
// of values. Only where a larger score comes along, the sum so far is scaled. Causal, a block leaves out the tiles of
// keys after its last query, and a thread the keys after its own.
//
// Bytes: qkv once (larger windows: k and v once for every 64 queries), y and a number a row. Two barriers a tile of
// keys. 64 threads a block: as many as a window of 8 x 8 has tokens.

#include "cuda/attention/window_attention.h"

#include "cuda/attention/window_attention_token.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

// grid: (groups of `block_windows` windows, heads, tiles of queries)
template <class T, int Dmax>
__global__ void window_attention_forward_kernel(WindowAttentionOp<T> op, int block_windows) {
    using W = acc_type<T>;
    constexpr int stride = row_stride<W, Dmax>;
    const int N = static_cast<int>(op.N), tile = N < tile_tokens<W> ? N : tile_tokens<W>;
    W* const k_tile = dynamic_shared<W>();  // [block_windows, tile] rows of k^, then of v
    W* const v_tile = k_tile + block_windows * tile * stride;

    const int block_window = static_cast<int>(threadIdx.x) / tile, in_tile = static_cast<int>(threadIdx.x) % tile;
    const int64_t head = blockIdx.y, window = int64_t{blockIdx.x} * block_windows + block_window;
    const ThreadWindow<T, Dmax> thread{op, op.logit_scale != nullptr, attention_scale(op.logit_scale, head), window,
                                       head};
    const bool works = block_window < block_windows && window < op.images * op.windows;
    const int i = static_cast<int>(blockIdx.z) * tile + in_tile;

    HeadVector<W, Dmax> q, k;
    W o[Dmax] = {}, m = -INFINITY, l = 0;
    const bool is_query = works && i < N;
    if (is_query) thread.load_query(q, i);
    const int end = static_cast<int>(blockIdx.z + 1) * tile;  // of the block's queries; its last one sees most keys
    for (int j0 = 0; j0 < op.keys_of((end < N ? end : N) - 1); j0 += tile) {
        __syncthreads();  // the tile before has been read
        if (works && j0 + in_tile < N) {
            W* const to = k_tile + threadIdx.x * stride;
            thread.load_key(k, j0 + in_tile);
#pragma unroll
            for (int d = 0; d < Dmax; ++d) to[d] = k.u[d];
            thread.load(k, j0 + in_tile, 2);
#pragma unroll
            for (int d = 0; d < Dmax; ++d) to[block_windows * tile * stride + d] = k.u[d];
        }
        __syncthreads();
        if (!is_query) continue;
        const int keys = thread.keys_of(i, j0, tile);
        for (int j = 0; j < keys; ++j) {
            const int at = (block_window * tile + j) * stride;
            const W S = thread.score(i, j0 + j, dot<W, Dmax>(q.u, k_tile + at));
            if (S > m) {  // all that was summed so far was relative to the old m
                const W f = fast_exp(m - S);
                l *= f;
#pragma unroll
                for (int d = 0; d < Dmax; ++d) o[d] *= f;
                m = S;
            }
            const W P = fast_exp(S - m);
            l += P;
            add_times<W, Dmax>(o, P, v_tile + at);
        }
    }
    const int64_t row = is_query ? op.row_of(window, i) : -1;
    if (row < 0) return;
#pragma unroll
    for (int d = 0; d < Dmax; ++d)
        if (d < op.D) op.y[row * op.C + head * op.D + d] = narrow<T>(o[d] / l);
    op.logsumexp[row * op.heads + head] = m + log(l);
}

// ---- launcher

namespace {

template <class T, int Dmax>
void forward_windows(const WindowAttentionOp<T>& op) {
    using W = acc_type<T>;
    const int64_t tile = op.N < tile_tokens<W> ? op.N : tile_tokens<W>, block_windows = tile_tokens<W> / tile;
    const dim3 grid(blocks_for(op.images * op.windows, block_windows), static_cast<unsigned>(op.heads),
                    blocks_for(op.N, tile));
    const size_t shared = static_cast<size_t>(2 * block_windows * tile * row_stride<W, Dmax>) * sizeof(W);
    launch(window_attention_forward_kernel<T, Dmax>, grid, tile_tokens<W>, shared, compute_stream(), op,
           static_cast<int>(block_windows));
}

}  // namespace
}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void WindowAttentionOp<T>::forward_kernel() const {
    using namespace cuda;
    if (images == 0) return;
    const auto run = D <= 16   ? forward_windows<T, 16>
                     : D <= 32 ? forward_windows<T, 32>
                               : forward_windows<T, most_head_columns>;
    run(*this);
}

template void WindowAttentionOp<float>::forward_kernel() const;
template void WindowAttentionOp<double>::forward_kernel() const;
template void WindowAttentionOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

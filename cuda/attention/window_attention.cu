// Attention within shifted windows, forward. Mathematics and names: ops/attention/window_attention.cpp; the running softmax:
// ops/attention/sequential_attention.cpp. Backward: window_attention_backward.cu.
//
// Plan: a thread a query, no exchange between threads but through a tile of keys in shared memory. A block takes tiles
// of 64 tokens: of a small window (4 x 4: 16 tokens) as many whole windows as fit, of a large one a part of its
// queries. Each thread reads q, k and v of its token (through the window's table of indices: windows are never formed),
// keeps q^ in registers and puts k^ and v into shared memory; then it walks over the keys of its window, which all
// threads of a warp read at once from one address (a broadcast), with D multiplications for the score and D for the sum
// of values. Only where a larger score comes along, the sum so far is scaled.
//
// Bytes: qkv once (larger windows: k and v once for every 64 queries), y and a number a row. Two barriers a tile of
// keys. 64 threads a block: as many as a window of 8 x 8 has tokens.

#include "cuda/attention/window_attention.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/attention/window_attention_token.h"

namespace swingrad::cuda {

// grid: (groups of `pairs` windows, heads, tiles of queries)
template <class T, int Dmax>
__global__ void window_attention_forward_kernel(AttentionSizes sizes, int pairs, const T* qkv, const acc_type<T>* padding,
                                                const acc_type<T>* logit_scale, const acc_type<T>* table, T* y,
                                                acc_type<T>* log_sums) {
    using W = acc_type<T>;
    constexpr int stride = row_stride<W, Dmax>;
    const int N = static_cast<int>(sizes.N), tile = N < tile_tokens<W> ? N : tile_tokens<W>;
    W* const k_tile = dynamic_shared<W>();  // [pairs, tile] rows of k^, then of v
    W* const v_tile = k_tile + pairs * tile * stride;

    const int of_pair = static_cast<int>(threadIdx.x) / tile, in_tile = static_cast<int>(threadIdx.x) % tile;
    const int64_t head = blockIdx.y, window = int64_t{blockIdx.x} * pairs + of_pair;
    const Pair<T, Dmax> pair{sizes,  qkv, padding, table, logit_scale != nullptr, attention_scale(logit_scale, head),
                             window, head};
    const bool works = of_pair < pairs && window < sizes.images * sizes.windows;
    const int i = static_cast<int>(blockIdx.z) * tile + in_tile;

    HeadVector<W, Dmax> q, k;
    W o[Dmax] = {}, m = -INFINITY, l = 0;
    const bool is_query = works && i < N;
    if (is_query) pair.load_query(q, i);
    for (int j0 = 0; j0 < N; j0 += tile) {
        __syncthreads();  // the tile before has been read
        if (works && j0 + in_tile < N) {
            W* const to = k_tile + threadIdx.x * stride;
            pair.load_key(k, j0 + in_tile);
#pragma unroll
            for (int d = 0; d < Dmax; ++d) to[d] = k.u[d];
            pair.load(k, j0 + in_tile, 2);
#pragma unroll
            for (int d = 0; d < Dmax; ++d) to[pairs * tile * stride + d] = k.u[d];
        }
        __syncthreads();
        if (!is_query) continue;
        const int keys = N - j0 < tile ? N - j0 : tile;
        for (int j = 0; j < keys; ++j) {
            const int at = (of_pair * tile + j) * stride;
            const W S = pair.score(i, j0 + j, dot<W, Dmax>(q.u, k_tile + at));
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
    const int64_t row = is_query ? pair.row_of(i) : -1;
    if (row < 0) return;
#pragma unroll
    for (int d = 0; d < Dmax; ++d)
        if (d < sizes.D) y[row * sizes.C + head * sizes.D + d] = narrow<T>(o[d] / l);
    log_sums[row * sizes.heads + head] = m + log(l);
}

// ---- launcher

namespace {

template <class T, int Dmax>
void forward(const AttentionSizes& sizes, const T* qkv, const acc_type<T>* padding, const acc_type<T>* logit_scale,
             const acc_type<T>* table, T* y, acc_type<T>* log_sums) {
    using W = acc_type<T>;
    const int64_t tile = sizes.N < tile_tokens<W> ? sizes.N : tile_tokens<W>, pairs = tile_tokens<W> / tile;
    const dim3 grid(blocks_for(sizes.images * sizes.windows, pairs), static_cast<unsigned>(sizes.heads),
                    blocks_for(sizes.N, tile));
    const size_t shared = static_cast<size_t>(2 * pairs * tile * row_stride<W, Dmax>) * sizeof(W);
    launch(window_attention_forward_kernel<T, Dmax>, grid, tile_tokens<W>, shared, compute_stream(), sizes,
           static_cast<int>(pairs), qkv, padding, logit_scale, table, y, log_sums);
}

}  // namespace

template <class T>
void window_attention_forward(const AttentionSizes& sizes, const T* qkv, const acc_type<T>* padding,
                              const acc_type<T>* logit_scale, const acc_type<T>* table, T* y, acc_type<T>* log_sums) {
    if (sizes.images == 0) return;
    const auto run = sizes.D <= 16 ? forward<T, 16> : sizes.D <= 32 ? forward<T, 32> : forward<T, most_head_columns>;
    run(sizes, qkv, padding, logit_scale, table, y, log_sums);
}

template void window_attention_forward(const AttentionSizes&, const float*, const float*, const float*, const float*,
                                       float*, float*);
template void window_attention_forward(const AttentionSizes&, const double*, const double*, const double*,
                                       const double*, double*, double*);
template void window_attention_forward(const AttentionSizes&, const bfloat16*, const float*, const float*, const float*,
                                       bfloat16*, float*);

}  // namespace swingrad::cuda

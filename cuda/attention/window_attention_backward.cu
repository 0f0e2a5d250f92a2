// Attention within shifted windows, backward. Mathematics and names: ops/attention/window_attention.cpp; what is saved
// and why P_ij is e^(S_ij - logsumexp_i): ops/attention/sequential_attention.cpp.
//
// Plan: as forward, a thread a token, in two roles one after the other. As a query i, with q^_i and do_i in registers
// and tiles of k^, v in shared memory, it walks over the keys and sums dq_i. As a key j, with k^_j and v_j in registers
// and tiles of q^, do in shared memory, it walks over the queries and sums dk_j and dv_j. Each role makes the scores
// again: 7 products of N x N x D where 5 would do if threads added to each other's sums, which would need atomics, and
// then the order of additions, and the last bits, would be left to chance.
//
// dbias_table: a tile of dS lies in shared memory, [query][key], and each thread collects the entries it owns by
// walking over the pairs with that offset. A block goes through its windows in order and keeps its sums, so that an
// entry is summed in one order; the blocks' sums are added by add_groups. How many blocks there are depends on the
// sizes alone.
//
// Bytes: qkv twice, y, dy and dqkv once. Five barriers a pair of tiles.

#include "core/allocator.h"
#include "cuda/attention/window_attention.h"
#include "cuda/attention/window_attention_token.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"

#include <algorithm>

namespace swingrad::cuda {
namespace {

// What the kernel writes beside op.dqkv. dpadded: [images padded, 3C], gradients of padded tokens, one by one. The
// others are partial sums: [groups, heads] and [groups, heads, offsets].
template <class T>
struct BackwardSums {
    acc_type<T>*dpadded, *dlogit_scale, *dbias_table;
};

// Tokens of a tile and windows that a block holds at once, and its shared memory: two tiles of rows, dS, the sums for
// bias_table, and two numbers a query.
template <class W, int Dmax>
struct BackwardPlan {
    int tile, windows;

    __host__ __device__ explicit BackwardPlan(int64_t N)
        : tile(static_cast<int>(N < tile_tokens<W> ? N : tile_tokens<W>)), windows(tile_tokens<W> / tile) {}
    __host__ __device__ int rows() const { return windows * tile * row_stride<W, Dmax>; }
    __host__ __device__ int matrix() const { return windows * tile * tile; }
    __host__ __device__ size_t shared_numbers(int64_t offsets) const {
        return static_cast<size_t>(2 * rows() + matrix() + offsets + 3 * tile_tokens<W>);
    }
};

}  // namespace

// Adds dS of a tile of queries from i0 and of keys from j0 to the entries of bias_table that this thread owns.
template <class T, class W>
__device__ void add_to_table(const WindowAttentionOp<T>& op, int block_windows, int tile, int64_t first_window,
                             int64_t i0, int64_t j0, const W* dS, W* sums) {
    const int64_t columns = op.window_columns, rows = op.window_rows, all = op.images * op.windows;
    for (int64_t entry = threadIdx.x; entry < op.offsets; entry += blockDim.x) {
        // The offset is query less key, down outermost.
        const int64_t down = entry / (2 * columns - 1) - (rows - 1), across = entry % (2 * columns - 1) - (columns - 1);
        W sum = 0;
        for (int64_t i = i0; i < i0 + tile && i < op.N; ++i) {
            const int64_t key_row = i / columns - down, key_column = i % columns - across;
            if (key_row < 0 || key_row >= rows || key_column < 0 || key_column >= columns) continue;
            const int64_t j = key_row * columns + key_column;
            if (j < j0 || j >= j0 + tile || j >= op.keys_of(i)) continue;
            for (int window = 0; window < block_windows && first_window + window < all; ++window)
                sum += dS[(window * tile + (i - i0)) * tile + (j - j0)];
        }
        sums[entry] += sum;
    }
}

// grid: (groups of windows, heads)
template <class T, int Dmax>
__global__ void window_attention_backward_kernel(WindowAttentionOp<T> op, int64_t groups, BackwardSums<T> sums) {
    using W = acc_type<T>;
    constexpr int stride = row_stride<W, Dmax>;
    const BackwardPlan<W, Dmax> plan(op.N);
    const int tile = plan.tile, N = static_cast<int>(op.N);
    W* const first_tile = dynamic_shared<W>();        // k^, then q^
    W* const second_tile = first_tile + plan.rows();  // v, then do
    W* const dS_tile = second_tile + plan.rows();
    W* const bias_sums = dS_tile + plan.matrix();
    W* const logsumexp_tile = bias_sums + op.offsets;
    W* const delta_tile = logsumexp_tile + tile_tokens<W>;
    W* const scale_sums = delta_tile + tile_tokens<W>;

    const int block_window = static_cast<int>(threadIdx.x) / tile, in_tile = static_cast<int>(threadIdx.x) % tile;
    const int64_t head = blockIdx.y, all = op.images * op.windows;
    const bool cosine = op.logit_scale != nullptr;
    const W scale = attention_scale(op.logit_scale, head);
    if (op.bias_table)
        for (int64_t entry = threadIdx.x; entry < op.offsets; entry += blockDim.x) bias_sums[entry] = 0;
    W dlogit_scale = 0;

    // Windows of this group, as many at a time as a block holds.
    const int64_t rounds = (all + plan.windows - 1) / plan.windows;
    const int64_t first_round = rounds * blockIdx.x / groups, end_round = rounds * (blockIdx.x + 1) / groups;
    for (int64_t round = first_round; round < end_round; ++round) {
        const int64_t window = round * plan.windows + block_window;
        const bool works = block_window < plan.windows && window < all;
        const ThreadWindow<T, Dmax> thread{op, cosine, scale, window, head};
        W* const first_row = first_tile + threadIdx.x * stride;
        W* const second_row = second_tile + threadIdx.x * stride;

        // What a query needs of its result: do, and sum_j P_ij dP_ij = do_i . y_i. Of a padded one nothing is asked.
        const auto load_result = [&](int i, HeadVector<W, Dmax>& d_o, W& logsumexp, W& delta) {
            const int64_t row = op.row_of(window, i), column = row * op.C + head * op.D;
            delta = 0;
            logsumexp = row < 0 ? INFINITY : op.logsumexp[row * op.heads + head];
            d_o.load(op.dy + (row < 0 ? 0 : column), row < 0 ? 0 : op.D);
            for (int64_t d = 0; row >= 0 && d < op.D; ++d)
                delta += static_cast<W>(widen(op.dy[column + d])) * static_cast<W>(widen(op.y[column + d]));
        };
        // The gradient of q (part 0), k (1) or v (2) of token t, of which `u` is what went into the products:
        // forward: u^ = u / |u|, so du = factor (du^ - u^ (u^ . du^)); the second term where `along` says so.
        const auto put = [&](int t, int part, const HeadVector<W, Dmax>& u, W* du, W u_du) {
            const int64_t row = op.row_of(window, t), column = part * op.C + head * op.D;
            const W take = part == 2 ? W(0) : u.along * u_du, factor = part == 2 ? W(1) : u.factor;
#pragma unroll
            for (int d = 0; d < Dmax; ++d) {
                if (d >= op.D) break;
                const W value = factor * (du[d] - take * u.u[d]);
                if (row >= 0) op.dqkv[row * 3 * op.C + column + d] = narrow<T>(value);
                else sums.dpadded[(window / op.windows * op.padded + (-1 - row)) * 3 * op.C + column + d] = value;
            }
        };

        // ---- as queries
        for (int i0 = 0; i0 < N; i0 += tile) {
            const int i = i0 + in_tile;
            const bool is_query = works && i < N;
            HeadVector<W, Dmax> q, d_o;
            W dq[Dmax] = {}, q_dq = 0, logsumexp = 0, delta = 0;
            W P_dP = 0, P_product = 0, P_dP_product = 0;  // sums over the keys
            if (is_query) {
                thread.load_query(q, i);
                load_result(i, d_o, logsumexp, delta);
            }
            const int end = i0 + tile < N ? i0 + tile : N;  // the last of these queries sees most keys
            for (int j0 = 0; j0 < op.keys_of(end - 1); j0 += tile) {
                __syncthreads();
                if (works && j0 + in_tile < N) {
                    HeadVector<W, Dmax> key;
                    thread.load_key(key, j0 + in_tile);
#pragma unroll
                    for (int d = 0; d < Dmax; ++d) first_row[d] = key.u[d];
                    thread.load(key, j0 + in_tile, 2);
#pragma unroll
                    for (int d = 0; d < Dmax; ++d) second_row[d] = key.u[d];
                }
                __syncthreads();
                const int keys = thread.keys_of(i, j0, tile);
                for (int j = 0; is_query && j < keys; ++j) {
                    const W* const k = first_tile + (block_window * tile + j) * stride;
                    const W* const v = second_tile + (block_window * tile + j) * stride;
                    const W product = dot<W, Dmax>(q.u, k);
                    const W P = fast_exp(thread.score(i, j0 + j, product) - logsumexp);
                    // forward: o_i = sum_j P_ij v_j, so dP_ij = do_i . v_j; and back through softmax:
                    const W dP = dot<W, Dmax>(d_o.u, v), dS = P * (dP - delta), dproduct = scale * dS;
                    dS_tile[(block_window * tile + in_tile) * tile + j] = dS;
                    P_dP += P * dP;
                    P_product += P * product;
                    P_dP_product += P * dP * product;
                    q_dq += dproduct * product;
                    add_times<W, Dmax>(dq, dproduct, k);
                }
                if (op.bias_table) {
                    __syncthreads();
                    add_to_table(op, plan.windows, tile, round * plan.windows, i0, j0, dS_tile, bias_sums);
                }
            }
            // dlogit_scale = scale sum_j dS_ij product_ij, with the exact sum for delta: that of a y in bfloat16 is off
            // by as much as a rounding, for all keys of the query alike, and over thousands of queries it does not
            // vanish.
            dlogit_scale += scale * (P_dP_product - P_dP * P_product);
            if (is_query) put(i, 0, q, dq, q_dq);
        }

        // ---- as keys
        for (int j0 = 0; j0 < N; j0 += tile) {
            const int j = j0 + in_tile;
            const bool is_key = works && j < N;
            HeadVector<W, Dmax> k, v;
            W dk[Dmax] = {}, dv[Dmax] = {}, k_dk = 0;
            if (is_key) {
                thread.load_key(k, j);
                thread.load(v, j, 2);
            }
            for (int i0 = static_cast<int>(op.first_query_of(j0)); i0 < N; i0 += tile) {
                __syncthreads();
                if (works && i0 + in_tile < N) {
                    HeadVector<W, Dmax> query;
                    thread.load_query(query, i0 + in_tile);
#pragma unroll
                    for (int d = 0; d < Dmax; ++d) first_row[d] = query.u[d];
                    load_result(i0 + in_tile, query, logsumexp_tile[threadIdx.x], delta_tile[threadIdx.x]);
#pragma unroll
                    for (int d = 0; d < Dmax; ++d) second_row[d] = query.u[d];
                }
                __syncthreads();
                const int queries = N - i0 < tile ? N - i0 : tile;
                const int unseen = static_cast<int>(op.first_query_of(j)) - i0;  // queries that do not see key j
                for (int i = unseen > 0 ? unseen : 0; is_key && i < queries; ++i) {
                    const int at = block_window * tile + i;
                    const W *const q = first_tile + at * stride, *const d_o = second_tile + at * stride;
                    const W product = dot<W, Dmax>(q, k.u);
                    const W P = fast_exp(thread.score(i0 + i, j, product) - logsumexp_tile[at]);
                    const W dproduct = scale * P * (dot<W, Dmax>(d_o, v.u) - delta_tile[at]);
                    k_dk += dproduct * product;
                    add_times<W, Dmax>(dk, dproduct, q);
                    add_times<W, Dmax>(dv, P, d_o);
                }
            }
            if (is_key) {
                put(j, 1, k, dk, k_dk);
                put(j, 2, v, dv, 0);
            }
        }
    }

    // ---- this block's sums
    scale_sums[threadIdx.x] = dlogit_scale;
    __syncthreads();
    const int64_t sums_of = blockIdx.x * op.heads + head;
    if (op.bias_table)
        for (int64_t entry = threadIdx.x; entry < op.offsets; entry += blockDim.x)
            sums.dbias_table[sums_of * op.offsets + entry] = bias_sums[entry];
    if (threadIdx.x != 0 || !cosine) return;
    for (unsigned t = 1; t < blockDim.x; ++t) dlogit_scale += scale_sums[t];
    // forward: scale = exp(min(logit_scale, ln 100)), so above the bound nothing comes back
    sums.dlogit_scale[sums_of] = op.logit_scale[head] > static_cast<W>(4.605170185988092) ? W(0) : dlogit_scale;
}

// dtable [offsets, heads] from sums [heads, offsets].
template <class W>
__global__ void transpose_table_kernel(int64_t offsets, int64_t heads, const W* from, W* to) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < offsets * heads) to[i] = from[i % heads * offsets + i / heads];
}

// ---- launcher

namespace {

constexpr int64_t most_groups = 512;  // some blocks for each multiprocessor, and few enough sums to add up

template <class T, int Dmax>
void backward_windows(const WindowAttentionOp<T>& op, int64_t groups, const BackwardSums<T>& sums) {
    using W = acc_type<T>;
    const size_t shared = BackwardPlan<W, Dmax>(op.N).shared_numbers(op.offsets) * sizeof(W);
    launch(window_attention_backward_kernel<T, Dmax>,
           dim3(static_cast<unsigned>(groups), static_cast<unsigned>(op.heads)), tile_tokens<W>, shared,
           compute_stream(), op, groups, sums);
}

}  // namespace
}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void WindowAttentionOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t block_windows = BackwardPlan<A, 16>(N).windows, entries = heads * offsets,
                  all_padded = images * padded;
    const int64_t groups = std::clamp<int64_t>((images * windows + block_windows - 1) / block_windows, 1, most_groups);
    const Scratch<A> bias_sums(groups * entries), bias_sum(entries), dpadded(all_padded * 3 * C);
    const auto scale_sums = partial_sums<A>(groups * heads);
    const auto run = D <= 16   ? backward_windows<T, 16>
                     : D <= 32 ? backward_windows<T, 32>
                               : backward_windows<T, most_head_columns>;
    run(*this, groups, {dpadded.data(), scale_sums->data(), bias_sums.data()});
    if (dlogit_scale) add_groups_of_gradient(groups, heads, heads, scale_sums, 0, dlogit_scale);
    if (dpadding && all_padded > 0) column_sums(all_padded, 3 * C, dpadded.data(), dpadding);
    else if (dpadding) memory_of(Device::cuda).fill_zero(dpadding, static_cast<size_t>(3 * C) * sizeof(A));
    if (!dbias_table) return;
    add_groups(groups, entries, entries, bias_sums.data(), bias_sum.data());
    launch(transpose_table_kernel<A>, blocks_for(entries, 256), 256, 0, compute_stream(), offsets, heads,
           bias_sum.data(), dbias_table);
}

template void WindowAttentionOp<float>::backward_kernel() const;
template void WindowAttentionOp<double>::backward_kernel() const;
template void WindowAttentionOp<bfloat16>::backward_kernel() const;

}  // namespace swingrad

// The arguments of cosine_attention and dot_attention, for plain loops and kernels alike. Mathematics and names:
// ops/attention/window_attention.cpp.
#pragma once

#include "core/element.h"
#include "core/host_device.h"

#include <cstdint>
#include <vector>

namespace swingrad {

// What the plain loops hold of one window, counted over all images, and one head.
template <class A>
struct HeadOfWindow {
    int64_t window = 0, head = 0;
    A scale = 1;                    // of the head's products
    std::vector<A> qkv[3] = {};     // q, k and v, [N, D] each; q and k as they enter their product: q^ and k^
    std::vector<A> factor[3] = {};  // [N]: what these were multiplied by
    std::vector<A> d[3] = {};       // [N, D]: their gradients, zeros at first
};

template <class T>
struct WindowAttentionOp {
    using A = acc_type<T>;

    int64_t images = 0, windows = 0;  // windows: in an image
    int64_t map_tokens = 0, N = 0;    // tokens of a map, H W, and of a window
    int64_t C = 0, heads = 0, D = 0;  // D = C / heads; kernels take at most most_head_columns
    int64_t window_rows = 0, window_columns = 0;
    int64_t offsets = 0;                // rows of bias_table
    int64_t padded = 0;                 // tokens of an image's windows that are padding
    const int32_t* source = nullptr;    // [windows, N]: the map's token, below 0 for padding (for kernels, -1 - k for
                                        // the k-th); null: qkv, y and their gradients lie in the order of the windows
    const int32_t* mask = nullptr;      // [windows, N]: tokens see each other where equal; null: all of a window do
    bool causal = false;                // query i of a window sees the keys j <= i alone
    const int32_t* position = nullptr;  // [N]; this and the two lists above are WindowTable's (ops/window.h)
    int32_t centre = 0;                 // the row of bias_table for a token and itself

    const T* qkv = nullptr;          // [images map_tokens, 3C]
    const A* padding = nullptr;      // [3C]; null: there is none
    const A* logit_scale = nullptr;  // [heads]; null: dot attention
    const A* bias_table = nullptr;   // [offsets, heads]; null: none
    T* y = nullptr;                  // [images map_tokens, C]
    A* logsumexp = nullptr;          // [images map_tokens, heads]; kernels keep it, and y, for backward
    const T* dy = nullptr;           // [images map_tokens, C]; this and what follows: backward's alone
    T* dqkv = nullptr;               // [images map_tokens, 3C]
    A *dpadding = nullptr, *dlogit_scale = nullptr, *dbias_table = nullptr;  // zeros before; each may be null

    // Of q k^T and P v, padding included; a causal query's are with the keys that it sees. See ops/cost_log.h.
    int64_t multiply_adds() const {
        const int64_t pairs = causal ? N * (N + 1) / 2 : N * N;
        return images * windows * 2 * pairs * C;
    }

    void forward() const;  // ops/attention/window_attention.cpp
    void backward() const;
    void forward_kernel() const;   // cuda/attention/window_attention.cu
    void backward_kernel() const;  // cuda/attention/window_attention_backward.cu

    // Steps of the plain loops, ops/attention/window_attention.cpp: passes 0; 1; 1 to 3, of query i; and 0 backward.
    HeadOfWindow<A> load(int64_t window, int64_t head) const;
    A score(const HeadOfWindow<A>& s, int64_t i, int64_t j, A& product) const;
    void attend(const HeadOfWindow<A>& s, int64_t i, A* product, A* P) const;
    void store(const HeadOfWindow<A>& s) const;

    // Which row of qkv token t of a window reads, counted over all images; below 0 for padding.
    SWINGRAD_HOST_DEVICE int64_t row_of(int64_t window, int64_t t) const {
        if (!source) return window * N + t;
        const int64_t token = source[window % windows * N + t];
        return token < 0 ? token : window / windows * map_tokens + token;
    }
    // The relative position index of query i and key j: a row of bias_table.
    SWINGRAD_HOST_DEVICE int64_t relative_index(int64_t i, int64_t j) const {
        return position[i] - position[j] + centre;
    }
    // Causal: a query sees the keys up to itself, so a key is seen by the queries from itself on. How many keys query i
    // sees, from the first on; and the first query that sees key j.
    SWINGRAD_HOST_DEVICE int64_t keys_of(int64_t i) const { return causal ? i + 1 : N; }
    SWINGRAD_HOST_DEVICE int64_t first_query_of(int64_t j) const { return causal ? j : 0; }
    SWINGRAD_HOST_DEVICE bool masked(int64_t window, int64_t i, int64_t j) const {
        if (!mask) return false;
        const int32_t* mask_of = mask + window % windows * N;
        return mask_of[i] != mask_of[j];
    }
};

namespace cuda {

constexpr int64_t most_head_columns = 128;  // of a head, D

}  // namespace cuda
}  // namespace swingrad

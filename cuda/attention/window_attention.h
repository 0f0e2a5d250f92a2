// Kernels of ops/attention/window_attention.cpp and ops/attention/sequential_attention.cpp, which on a GPU are one: scores are made by
// tiles and nothing of the square of a window's size is kept. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

constexpr int64_t most_head_columns = 128;  // of a head, D

// Sizes and tables. The addresses are the device's.
struct AttentionSizes {
    int64_t images, windows;                       // windows: nW, in an image
    int64_t map_tokens, N;                         // tokens of a map, H W, and of a window
    int64_t C, heads, D;                           // D = C / heads, at most most_head_columns
    int64_t window_rows, window_columns, offsets;  // offsets: rows of the table
    int64_t padded;                                // tokens of an image's windows that are padding
    const int32_t* source;                         // [windows, N]: the map's token, or -1 - k for the k-th padded one
    const int32_t* region;                         // [windows, N]; null: all tokens of a window see each other
    const int32_t* place;  // [N]; of a query and a key: row place[query] - place[key] + centre of the table
    int32_t centre;
};

// qkv [images map_tokens, 3C], padding [3C] (null without padding), logit_scale [heads] (null: dot product), table
// [offsets, heads] (null: none) -> y [images map_tokens, C], log_sums [images map_tokens, heads].
template <class T>
void window_attention_forward(const AttentionSizes& sizes, const T* qkv, const acc_type<T>* padding,
                              const acc_type<T>* logit_scale, const acc_type<T>* table, T* y, acc_type<T>* log_sums);

// Of what is null above, the gradient is not written.
template <class T>
void window_attention_backward(const AttentionSizes& sizes, const T* qkv, const acc_type<T>* padding,
                               const acc_type<T>* logit_scale, const acc_type<T>* table, const T* y, const acc_type<T>* log_sums,
                               const T* dy, T* dqkv, acc_type<T>* dpadding, acc_type<T>* dlogit_scale, acc_type<T>* dtable);

}  // namespace swingrad::cuda

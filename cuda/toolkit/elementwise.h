// How kernels go over tensors element by element: what accumulate, pointwise, reduce, dropout and drop_path share.
//
// Plan: a thread takes n neighbours, as a rule 16 bytes of them, which is one load an operand where every operand
// begins on such a boundary: whole tensors do. A slice may not, and then the same thread loads its n elements one by
// one, as it does at the end of a tensor. Each element is read and written once; no barrier.
//
// Where operands are repeated to one shape (map_broadcast), the n neighbours lie in one row as a rule, and one
// computation of indices serves them; an operand that is repeated along the row is one number for all n.
#pragma once

#include "cuda/toolkit/joint_axes.h"
#include "cuda/toolkit/kernel.h"

#include <utility>

namespace swingrad::cuda {

constexpr unsigned elementwise_threads = 256;  // of a block: eight of them fill a multiprocessor

template <class T>
constexpr int elements_a_thread = 16 / static_cast<int>(sizeof(T));

template <class T, int n>
struct alignas(n * sizeof(T)) Pack {
    T of[n];
};

template <int n, class T>
__device__ inline bool begins_pack(const T* address) {
    return reinterpret_cast<uintptr_t>(address) % sizeof(Pack<T, n>) == 0;
}
template <int n, class T>
__device__ inline const Pack<T, n>& pack_at(const T* address) {
    return *reinterpret_cast<const Pack<T, n>*>(address);
}

template <int n, class F, class T, class... Packs>
__device__ inline void map_loaded(const F& f, T* to, Packs... from) {
    Pack<T, n> results;
#pragma unroll
    for (int k = 0; k < n; ++k) results.of[k] = narrow<T>(f(k, widen(from.of[k])...));
    *reinterpret_cast<Pack<T, n>*>(to) = results;
}

// to[i] = f(k, from[i]...) for i = first + k, k below n, as far as i is below `count`. `first` is a multiple of n. `to`
// may be one of `from`.
template <int n, class F, class T, class... From>
__device__ inline void map_pack(int64_t first, int64_t count, const F& f, T* to, const From*... from) {
    if (first + n <= count && (begins_pack<n>(to) && ... && begins_pack<n>(from))) {
        map_loaded<n>(f, to + first, pack_at<n>(from + first)...);
    } else {
        for (int k = 0; k < n && first + k < count; ++k) to[first + k] = narrow<T>(f(k, widen(from[first + k])...));
    }
}

// to[i] = f(from[i]...) for all i below `count`, by a grid of blocks_for_elements<T>(count).
template <class F, class T, class... From>
__device__ inline void map_elements(int64_t count, const F& f, T* to, const From*... from) {
    constexpr int n = elements_a_thread<T>;
    const int64_t first = (int64_t{blockIdx.x} * elementwise_threads + threadIdx.x) * n;
    map_pack<n>(
        first, count, [&](int, acc_type<From>... x) { return f(x...); }, to, from...);
}

// n neighbours in a row of a tensor; n times the same number where `step` is 0.
template <int n, class T>
__device__ inline Pack<T, n> neighbours_at(const T* from, int64_t step) {
    if (step == 1 && begins_pack<n>(from)) return pack_at<n>(from);
    Pack<T, n> pack;
#pragma unroll
    for (int k = 0; k < n; ++k) pack.of[k] = from[k * step];
    return pack;
}

template <size_t... operand, class F, class T, class... From>
__device__ inline void map_broadcast(std::index_sequence<operand...>, int64_t count,
                                     const JointAxes<sizeof...(From)>& axes, const F& f, T* to, const From*... from) {
    constexpr int n = elements_a_thread<T>;
    const int64_t first = (int64_t{blockIdx.x} * elementwise_threads + threadIdx.x) * n;
    if (first >= count) return;
    if (first % axes.row_size() + n <= axes.row_size()) {
        const auto at = axes.offsets_of(first), step = axes.row_strides();
        map_loaded<n>([&](int, acc_type<From>... x) { return f(x...); }, to + first,
                      neighbours_at<n>(from + at[operand], step[operand])...);
    } else {
        for (int64_t i = first; i < first + n && i < count; ++i) {
            const auto at = axes.offsets_of(i);
            to[i] = narrow<T>(f(widen(from[at[operand]])...));
        }
    }
}
// to[i] = f(from[axes' offset of i]...) likewise. `to` begins on a boundary of 16 bytes and is none of `from`.
template <class F, class T, class... From>
__device__ inline void map_broadcast(int64_t count, const JointAxes<sizeof...(From)>& axes, const F& f, T* to,
                                     const From*... from) {
    map_broadcast(std::index_sequence_for<From...>{}, count, axes, f, to, from...);
}

template <class T>
unsigned blocks_for_elements(int64_t count) {
    return blocks_for(count, int64_t{elementwise_threads} * elements_a_thread<T>);
}

}  // namespace swingrad::cuda

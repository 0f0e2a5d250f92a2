// Small products on vector registers: what a BLAS call is too heavy for, such as 16 x 16 x 32 inside one attention
// window; and the micro-kernel that large products are made of (core/gemm/packed_operand.h).
#pragma once

#include "core/simd.h"

namespace swingrad {

// Two bfloat16 numbers that are neighbours in a sum of products, the first in the lower half: what processors with
// AVX512-BF16 multiply at a time, by a pair of the other operand, adding both products to one float.
using Bfloat16Pair = uint32_t;
#ifdef __AVX512BF16__
constexpr bool multiplies_pairs = true;
#else
constexpr bool multiplies_pairs = false;
#endif

// What products of numbers of type F are summed in.
template <class F>
using SumOf = std::conditional_t<std::is_same_v<F, Bfloat16Pair>, float, F>;

namespace detail {

// sum += a b, for each number of b or for each pair.
template <class T>
[[gnu::always_inline]] inline void add_product(auto& sum, T a, const auto& b) {
    if constexpr (!std::is_same_v<T, Bfloat16Pair>) {
        sum += a * b;
    } else {
        const Vector<Bfloat16Pair> repeated = a - Vector<Bfloat16Pair>{};
#ifdef __AVX512BF16__
        sum = (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)repeated, (__m512bh)b);
#else  // what the instruction does, so that any machine can test what is built on it
        constexpr Bfloat16Pair upper = 0xffff0000u;
        sum += (Vector<float>)(repeated << 16) * (Vector<float>)(b << 16);
        sum += (Vector<float>)(repeated & upper) * (Vector<float>)(b & upper);
#endif
    }
}

// C[0..R) x [0..V vectors) = A B, the sums held in R x V registers; A and B of float, double or Bfloat16Pair, C of sums
// or, rounded, bfloat16. A's element (r, k) is a[r * a_row + k * a_k]; pairs may lie where bfloat16 was written. What
// lies at `initial`, in rows of initial_row numbers, is added; null: nothing.
template <int R, int V, class T, class Out>
[[gnu::always_inline]] inline void micro_kernel(int64_t K, const T* a, int64_t a_row, int64_t a_k, const T* b,
                                                int64_t b_row, const SumOf<T>* initial, int64_t initial_row, Out* c,
                                                int64_t c_row) {
    using S = SumOf<T>;
    if (initial)  // on its way while the sums are made
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) __builtin_prefetch(initial + r * initial_row + v * lanes<S>);
    Vector<S> sum[R][V] = {};
#pragma GCC unroll 4
    for (int64_t k = 0; k < K; ++k) {
        Vector<T> b_k[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) load_vector(b_k[v], b + k * b_row + v * lanes<T>);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            T a_rk;
            std::memcpy(&a_rk, a + r * a_row + k * a_k, sizeof a_rk);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) add_product(sum[r][v], a_rk, b_k[v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            Vector<S> result = sum[r][v], before;
            if (initial) {
                load_vector(before, initial + r * initial_row + v * lanes<S>);
                result += before;
            }
            store_vector(result, c + r * c_row + v * lanes<S>);
        }
}

// R rows by V vectors of sums, V vectors of B and one number of A at a time must fit into the registers: 32 with
// AVX-512, else 16.
template <int V, class T>
void product_columns(int64_t M, int64_t K, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_row, T* c,
                     int64_t c_row) {
    constexpr int R = vector_bytes == 64 || V == 1 ? 8 : 6;
    constexpr const T* none = nullptr;
    int64_t m = 0;
    for (; m + R <= M; m += R)
        micro_kernel<R, V>(K, a + m * a_row, a_row, a_k, b, b_row, none, 0, c + m * c_row, c_row);
    for (; m + 4 <= M; m += 4)
        micro_kernel<4, V>(K, a + m * a_row, a_row, a_k, b, b_row, none, 0, c + m * c_row, c_row);
    for (; m < M; ++m) micro_kernel<1, V>(K, a + m * a_row, a_row, a_k, b, b_row, none, 0, c + m * c_row, c_row);
}

}  // namespace detail

// C [M, columns] = A B with A [M, K] addressed by strides (so that it may be transposed) and B [K, columns], C in rows
// of b_row and c_row numbers. `columns` must be whole vectors (padded_to_lanes); what lies in B's padding ends up in
// C's.
template <class T>
void small_product(int64_t M, int64_t columns, int64_t K, const T* a, int64_t a_row, int64_t a_k, const T* b,
                   int64_t b_row, T* c, int64_t c_row) {
    int64_t n = 0;
    for (; n + 2 * lanes<T> <= columns; n += 2 * lanes<T>)
        detail::product_columns<2>(M, K, a, a_row, a_k, b + n, b_row, c + n, c_row);
    for (; n < columns; n += lanes<T>) detail::product_columns<1>(M, K, a, a_row, a_k, b + n, b_row, c + n, c_row);
}

}  // namespace swingrad

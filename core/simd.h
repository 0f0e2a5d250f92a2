// Small products on vector registers: what a BLAS call is too heavy for, such as 16 x 16 x 32 inside one attention
// window. GCC's vector extensions stand for whatever registers the machine has (a 64-byte vector is one AVX-512
// register or two of AVX2). None is a parameter, a result or a member: how wide a register the compiler of another
// program knows changes nothing between it and this library.
#pragma once

#include <cstdint>
#include <cstring>

namespace swingrad {

// How many numbers a 64-byte vector holds: 16 floats or 8 doubles.
template <class T>
constexpr int64_t lanes = 64 / static_cast<int64_t>(sizeof(T));

// `count` rounded up to whole vectors: the row length that the products below expect.
template <class T>
constexpr int64_t padded_to_lanes(int64_t count) {
    return (count + lanes<T> - 1) / lanes<T> * lanes<T>;
}

template <class T>
using Vector [[gnu::vector_size(64)]] = T;

namespace detail {

// C[0..R) x [0..V vectors) = A B, the sums held in R x V registers. A's element (r, k) is a[r * a_row + k * a_k].
template <int R, int V, class T>
[[gnu::always_inline]] inline void product_tile(int64_t K, const T* a, int64_t a_row, int64_t a_k, const T* b,
                                                int64_t b_row, T* c, int64_t c_row) {
    Vector<T> sum[R][V] = {};
    for (int64_t k = 0; k < K; ++k) {
        Vector<T> b_k[V];
        std::memcpy(b_k, b + k * b_row, sizeof b_k);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const T a_rk = a[r * a_row + k * a_k];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[r][v] += a_rk * b_k[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) std::memcpy(c + r * c_row, sum[r], sizeof sum[r]);
}

template <int V, class T>
void product_columns(int64_t M, int64_t K, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_row, T* c,
                     int64_t c_row) {
    int64_t m = 0;
    for (; m + 8 <= M; m += 8) product_tile<8, V>(K, a + m * a_row, a_row, a_k, b, b_row, c + m * c_row, c_row);
    for (; m + 4 <= M; m += 4) product_tile<4, V>(K, a + m * a_row, a_row, a_k, b, b_row, c + m * c_row, c_row);
    for (; m < M; ++m) product_tile<1, V>(K, a + m * a_row, a_row, a_k, b, b_row, c + m * c_row, c_row);
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

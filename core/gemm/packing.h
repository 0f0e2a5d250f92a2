// How a product's operands are packed for its micro-kernel: B in panels; A, where it cannot be read as it lies, in rows
// or panels of its own. Why: core/gemm/packed_operand.h.
#pragma once

#include "core/element.h"
#include "core/gemm/gemm.h"
#include "core/gemm/small_product.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace swingrad {

// The size of the micro-kernel. Its sums, one row of B and a number of A must fit into the registers: 8 x 3 + 3 + 1 of
// the 32 that AVX-512 has, 6 x 2 + 2 + 1 of 16.
constexpr int tile_rows = vector_bytes == 64 ? 8 : 6, panel_vectors = vector_bytes == 64 ? 3 : 2;
template <class T>
constexpr int64_t panel_columns = panel_vectors* lanes<T>;

// Terms of a packed operand: in a sum over k, the micro-kernel's term is a number, or a pair of them.
template <class F>
constexpr int64_t numbers_a_term = std::is_same_v<F, Bfloat16Pair> ? 2 : 1;
template <class F>
constexpr int64_t terms_of(int64_t k) {
    return (k + numbers_a_term<F> - 1) / numbers_a_term<F>;
}
// The same of a panel of pairs, which is whole tiles of 16 rows (core/gemm/tiles.h), the rest of them 0.
constexpr int64_t terms_in_tiles(int64_t k) { return (k + 31) / 32 * 16; }
template <class F>
constexpr int64_t panel_terms(int64_t k) {
    return std::is_same_v<F, Bfloat16Pair> ? terms_in_tiles(k) : terms_of<F>(k);
}

// Term l of a row or column whose number i, of k, is from[i * step].
template <class F, class T>
F term(const T* from, int64_t step, int64_t l, int64_t k) {
    if constexpr (std::is_same_v<F, Bfloat16Pair>) {
        const Bfloat16Pair first = from[2 * l * step].bits, second = 2 * l + 1 < k ? from[(2 * l + 1) * step].bits : 0;
        return first | second << 16;
    } else {
        return widen(from[l * step]);
    }
}

// Term l of `count` neighbouring rows or columns, of k numbers each that are ld apart. A count that the compiler knows,
// `usual`, takes no call.
template <int64_t usual, class F, class T>
[[gnu::always_inline]] inline void terms_of_neighbours(int64_t count, const T* from, int64_t ld, int64_t l, int64_t k,
                                                       F* to) {
    if (count == usual) {
        if constexpr (std::is_same_v<F, T>) {
            std::memcpy(to, from + l * ld, usual * sizeof(T));
        } else {
#pragma omp simd
            for (int64_t i = 0; i < usual; ++i) to[i] = term<F>(from + i, ld, l, k);
        }
    } else {
        for (int64_t i = 0; i < count; ++i) to[i] = term<F>(from + i, ld, l, k);
    }
}

// Rows [0, m) of op(A) = A^T, k numbers each, into panels of tile_rows rows, each [terms, rows of the panel].
template <class F, class T>
void pack_rows(int64_t m, int64_t k, const T* a, int64_t lda, F* to) {
    constexpr int64_t piece = 16;  // terms whose cache lines serve the next panels too
    const int64_t terms = terms_of<F>(k);
    for (int64_t l0 = 0; l0 < terms; l0 += piece)
        for (int64_t i = 0; i < m; i += tile_rows) {
            const int64_t rows = std::min<int64_t>(tile_rows, m - i);
            for (int64_t l = l0; l < std::min(l0 + piece, terms); ++l)
                terms_of_neighbours<tile_rows>(rows, a + i, lda, l, k, to + i * terms + l * rows);
        }
}

// Rows [0, m) of A, k numbers each, as [m, terms].
template <class F, class T>
void convert_rows(int64_t m, int64_t k, const T* a, int64_t lda, F* to) {
    const int64_t terms = terms_of<F>(k), whole = k / numbers_a_term<F>;
    for (int64_t i = 0; i < m; ++i) {
        const T* from = a + i * lda;
        if constexpr (std::is_same_v<F, Bfloat16Pair>)
            std::memcpy(to + i * terms, from, whole * sizeof(F));  // pairs as they lie
        else widen_row(k, from, to + i * terms);
        if (whole < terms) to[i * terms + whole] = term<F>(from, 1, whole, k);
    }
}

// W columns by W terms of op(B) = B^T, turned over in registers.
template <class F, class T>
void pack_square(const T* b, int64_t ldb, F* to) {
    constexpr int64_t W = lanes<F>, width = panel_columns<F>;
    if constexpr (std::is_same_v<F, T>) {
        transpose_square(b, ldb, to, width);
    } else {
        F square[W * W];
        convert_rows(W, W * numbers_a_term<F>, b, ldb, square);
        transpose_square(square, W, to, width);
    }
}

// Columns [0, columns) of op(B), k numbers each, into a panel [panel_terms, panel_columns].
template <class F, class T>
void pack_panel(Layout layout, int64_t columns, int64_t k, const T* b, int64_t ldb, F* to) {
    constexpr int64_t width = panel_columns<F>, W = lanes<F>;
    const int64_t terms = terms_of<F>(k);
    if (columns < width) std::fill_n(to, width * terms, F(0));
    std::fill(to + width * terms, to + width * panel_terms<F>(k), F(0));
    if (layout == Layout::plain) {
        for (int64_t l = 0; l < terms; ++l) terms_of_neighbours<width>(columns, b, ldb, l, k, to + l * width);
        return;
    }
    // squares, then what is left
    const int64_t whole_columns = columns / W * W, whole_terms = k / numbers_a_term<F> / W * W;
    for (int64_t l = 0; l < whole_terms; l += W)
        for (int64_t j = 0; j < whole_columns; j += W)
            pack_square(b + j * ldb + l * numbers_a_term<F>, ldb, to + l * width + j);
    for (int64_t l = 0; l < terms; ++l)
        for (int64_t j = l < whole_terms ? whole_columns : 0; j < columns; ++j)
            to[l * width + j] = term<F>(b + j * ldb, 1, l, k);
}

}  // namespace swingrad

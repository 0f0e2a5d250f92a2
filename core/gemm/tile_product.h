// Products of bfloat16 by tile registers (core/gemm/tiles.h): what core/gemm/packed_operand.cpp does where the
// processor has them. B's panels of pairs, 48 columns wide, are three tiles side by side as they lie. A tile of A is 16
// rows of 16 pairs, so A has to lie row by row: it is read in place or copied so.
//
// Six tiles are 32 x 48 sums, one a tile of A, one a tile of B. Two loads a multiplication would wait for the cache; in
// the order below each tile of A serves three multiplications, and one of B two.
#pragma once

#include "core/gemm/packed_operand.h"
#include "core/gemm/packing.h"
#include "core/gemm/tiles.h"

#include <algorithm>
#include <cstring>

namespace swingrad::detail {

constexpr int64_t tile_numbers = 2 * tile_side;  // of a row of A's tile
constexpr int64_t tile_depth = 512;              // numbers of a sum at a time: the fastest on a server of Intel's
constexpr int64_t tile_panel = 3 * tile_side;

// 16 R rows of A, whose pairs are a_row apart, by a panel of B; C = initial + their product. `initial` may be null, and
// its rows may all be one, initial_row = 0; all of it lies in memory.
template <class Tiles, int R>
void multiply_tiles(int64_t terms, const Bfloat16Pair* a, int64_t a_row, const Bfloat16Pair* b, const float* initial,
                    int64_t initial_row, float* c, int64_t c_row) {
    constexpr int64_t number = sizeof(float), b_row = tile_panel * number;
    const auto begin = [&]<int t>(std::integral_constant<int, t>) {
        if (initial)
            Tiles::template load<t>(initial + t / 3 * tile_side * initial_row + t % 3 * tile_side,
                                    initial_row * number);
        else Tiles::template zero<t>();
    };
    const auto end = [&]<int t>(std::integral_constant<int, t>) {
        Tiles::template store<t>(c + t / 3 * tile_side * c_row + t % 3 * tile_side, c_row * number);
    };
    const auto all_sums = [](const auto& body) {
        [&]<int... t>(std::integer_sequence<int, t...>) { (body(std::integral_constant<int, t>{}), ...); }
        (std::make_integer_sequence<int, 3 * R>{});
    };
    all_sums(begin);
    for (int64_t k = 0; k < terms; k += tile_side, a += tile_side, b += tile_side * tile_panel) {
        Tiles::template load<6>(a, a_row * number);
        Tiles::template load<7>(b, b_row);
        Tiles::template multiply<0, 6, 7>();
        Tiles::template load<7>(b + tile_side, b_row);
        Tiles::template multiply<1, 6, 7>();
        Tiles::template load<7>(b + 2 * tile_side, b_row);
        Tiles::template multiply<2, 6, 7>();
        if constexpr (R == 2) {  // back again: the last tile of B is still there
            Tiles::template load<6>(a + tile_side * a_row, a_row * number);
            Tiles::template multiply<5, 6, 7>();
            Tiles::template load<7>(b + tile_side, b_row);
            Tiles::template multiply<4, 6, 7>();
            Tiles::template load<7>(b, b_row);
            Tiles::template multiply<3, 6, 7>();
        }
    }
    all_sums(end);
}

// Rows [0, rows) of A, `count` numbers each, as whole tiles: [rows rounded up, terms], what is beyond either is 0. What
// lies behind a row may be NaN, and NaN times B's padding is no 0.
inline void copy_to_tiles(int64_t rows, int64_t count, const bfloat16* a, int64_t lda, int64_t terms,
                          Bfloat16Pair* to) {
    const auto bytes = static_cast<size_t>(count) * sizeof(bfloat16), row = static_cast<size_t>(terms) * sizeof *to;
    for (int64_t i = 0; i < rows; ++i, to += terms) {
        std::memcpy(to, a + i * lda, bytes);
        std::memset(reinterpret_cast<char*>(to) + bytes, 0, row - bytes);
    }
    std::memset(to, 0, static_cast<size_t>((tile_side - rows % tile_side) % tile_side) * row);
}

// The same of op(A) = A^T, A [count, rows..]: 16 x 16 pairs are made of two rows of A each, then turned over.
inline void transpose_to_tiles(int64_t rows, int64_t count, const bfloat16* a, int64_t lda, int64_t terms,
                               Bfloat16Pair* to) {
    Bfloat16Pair square[tile_side * tile_side], turned[tile_side * tile_side];
    for (int64_t i = 0; i < rows; i += tile_side)
        for (int64_t l = 0; l < terms; l += tile_side) {
            const int64_t columns = std::min(tile_side, rows - i);
            if (columns < tile_side || 2 * (l + tile_side) > count) std::memset(square, 0, sizeof square);
            for (int64_t p = 0; p < tile_side && 2 * (l + p) < count; ++p)
                terms_of_neighbours<tile_side>(columns, a + i, lda, l + p, count, square + p * tile_side);
            for (int64_t r = 0; r < tile_side; r += lanes<Bfloat16Pair>)
                for (int64_t p = 0; p < tile_side; p += lanes<Bfloat16Pair>)
                    transpose_square(square + p * tile_side + r, tile_side, turned + r * tile_side + p, tile_side);
            for (int64_t r = 0; r < tile_side; ++r)
                std::memcpy(to + (i + r) * terms + l, turned + r * tile_side, tile_side * sizeof *to);
        }
}

// A block of rows by all panels. A's whole tiles of rows are at `a`, the rows that fill no tile at `rest`, padded.
struct TileRows {
    const Bfloat16Pair *a, *rest;
    int64_t a_row, terms;  // of `rest`, a row is `terms`
};
template <class Tiles, class Out>
void multiply_tile_block(int64_t m, const TileRows& rows, const PackedOperand<bfloat16, Bfloat16Pair>& b, int64_t done,
                         InitialValue<float> initial, Out* c, int64_t ldc) {
    const int64_t n = b.n(), whole = m / tile_side * tile_side;
    alignas(64) float before[2 * tile_side * tile_panel], sums[2 * tile_side * tile_panel];
    for (int64_t j = 0, p = 0; j < n; j += tile_panel, ++p) {
        const Bfloat16Pair* panel = b.panel(p, done);
        const int64_t columns = std::min(tile_panel, n - j);
        for (int64_t i = 0; i < m;) {
            const bool two = i + 2 * tile_side <= m;
            const int64_t count = std::min(two ? 2 * tile_side : tile_side, m - i);
            const bool full = columns == tile_panel && count % tile_side == 0;
            const Bfloat16Pair* from = i < whole ? rows.a + i * rows.a_row : rows.rest;
            const int64_t from_row = i < whole ? rows.a_row : rows.terms;
            // Where tiles begin or end beyond the matrix, a copy: so all sums begin alike, and have the same bits.
            const float* begin = initial.first ? initial.first + i * initial.ld + j : nullptr;
            int64_t begin_row = initial.ld;
            if (begin && !full) {
                for (int64_t r = 0; r < count; ++r)
                    std::copy_n(begin + r * initial.ld, columns, before + r * tile_panel);
                begin = before;
                begin_row = tile_panel;
            }
            Out* const to = c + i * ldc + j;
            const auto multiply_into = [&](float* result, int64_t result_row) {
                const auto multiply = two ? multiply_tiles<Tiles, 2> : multiply_tiles<Tiles, 1>;
                multiply(rows.terms, from, from_row, panel, begin, begin_row, result, result_row);
            };
            if constexpr (std::is_same_v<Out, float>) {
                if (full) multiply_into(to, ldc);
            }
            if (!full || !std::is_same_v<Out, float>) {
                multiply_into(sums, tile_panel);
                for (int64_t r = 0; r < count; ++r) narrow_row(columns, sums + r * tile_panel, to + r * ldc);
            }
            i += count;
        }
    }
}

// multiply() of core/gemm/packed_operand.h.
template <class Tiles, class Out>
void multiply_by_tiles(Layout layout_a, int64_t m, const bfloat16* a, int64_t lda,
                       const PackedOperand<bfloat16, Bfloat16Pair>& b, Out* c, int64_t ldc,
                       InitialValue<float> initial) {
    Tiles::begin();
    const int64_t k = b.k(), rows_a_block = std::min(m, gemm_rows);
    const bool in_place = layout_a == Layout::plain && lda % 2 == 0 && k % tile_numbers == 0 &&
                          reinterpret_cast<uintptr_t>(a) % alignof(Bfloat16Pair) == 0;
    const int64_t most_terms = terms_in_tiles(std::min(k, tile_depth)),
                  copied_rows = in_place ? tile_side : (rows_a_block + tile_side - 1) / tile_side * tile_side;
    const Tensor copy_memory = Tensor::empty({copied_rows, most_terms, int64_t{sizeof(Bfloat16Pair)}}, DType::uint8);
    const auto copy = reinterpret_cast<Bfloat16Pair*>(copy_memory.data<uint8_t>());
    Tensor sums_memory;
    if (!std::is_same_v<Out, float> && k > tile_depth) sums_memory = Tensor::empty({rows_a_block, b.n()});
    for (int64_t row = 0; row < m; row += gemm_rows) {
        const int64_t rows = std::min(gemm_rows, m - row), whole = rows / tile_side * tile_side;
        InitialValue<float> from = initial;
        if (from.first) from.first += row * from.ld;
        int64_t done = 0;
        do {
            const int64_t count = std::min(tile_depth, k - done), terms = terms_in_tiles(count);
            TileRows block{copy, copy + whole * terms, terms, terms};
            if (layout_a == Layout::transposed) {
                transpose_to_tiles(rows, count, a + done * lda + row, lda, terms, copy);
            } else if (!in_place) {
                copy_to_tiles(rows, count, a + row * lda + done, lda, terms, copy);
            } else {
                const bfloat16* const first = a + row * lda + done;
                block = {reinterpret_cast<const Bfloat16Pair*>(first), copy, lda / 2, terms};
                if (whole < rows) copy_to_tiles(rows - whole, count, first + whole * lda, lda, terms, copy);
            }
            Out* const result = c + row * ldc;
            if constexpr (std::is_same_v<Out, float>) {
                multiply_tile_block<Tiles>(rows, block, b, done, from, result, ldc);
                from = InitialValue<float>::matrix(result, ldc);
            } else if (done + count < k) {
                multiply_tile_block<Tiles>(rows, block, b, done, from, sums_memory.data<float>(), b.n());
                from = InitialValue<float>::matrix(sums_memory.data<float>(), b.n());
            } else {
                multiply_tile_block<Tiles>(rows, block, b, done, from, result, ldc);
            }
            done += count;
        } while (done < k);
    }
}

}  // namespace swingrad::detail

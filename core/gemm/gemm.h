// Matrix products, all of them: row-major C = op(A) op(B), op(X) being X or its transpose, as `Layout` says.
//
//   m rows and n columns of C, k terms a sum.  op(A) is [m, k], op(B) is [k, n], C is [m, n].
//   lda, ldb, ldc: distance between rows as stored, in elements.
//   T: float, double, or bfloat16, whose products are summed in float. Out: what sums are made in or, rounded once,
//      bfloat16.
//
// What computes on one thread is core/gemm/packed_operand.h. Here the product is cut into blocks for all threads, whose
// size depends on m, n and k alone, so that the result has the same bits for any number of them.
#pragma once

#include "core/element.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace swingrad {

enum class Layout : uint8_t { plain, transposed };

// Rows in a block of work: enough to make up for packing the other operand, little enough to stay in the cache.
constexpr int64_t gemm_rows = 256;

// The same where each row comes out by itself, as in a forward pass: whole tiles of rows, in a number of pieces that is
// a multiple of eight, which two, four or eight threads share evenly, unless rows are few. The bits are the same: they
// do not depend on where a product is cut along its rows.
inline int64_t rows_a_piece(int64_t rows) {
    const int64_t pieces = 8 * std::max<int64_t>(1, (rows + 8 * gemm_rows - 1) / (8 * gemm_rows));
    return std::clamp<int64_t>((rows + 8 * pieces - 1) / (8 * pieces) * 8, 32, gemm_rows);
}

// Of the library of fast paths (core/instruction_set/instruction_set.h), and for use in it. From outside:
// gemm_of_kernels, core/gemm/product_kernels.h.
//
// On the calling thread, for use inside a piece of parallel work: C = op(A) op(B), or C += where `accumulate`.
template <class T, class Out>
void gemm_block(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                int64_t ldb, Out* c, int64_t ldc, bool accumulate);

// The same on all threads. A long sum over few rows and columns (a weight gradient: k = tokens) is cut along k
// too, into at most 16 partial products added in order.
template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate);

// What a layer computes: y [rows, O] = x [rows, I] weight^T + bias, on all threads. `bias` may be null.
template <class T>
void multiply_by_weight(int64_t rows, int64_t I, int64_t O, const T* x, const T* weight, const acc_type<T>* bias, T* y);
// Whether the rows are so few that a weight packed as a whole would leave the cache before it is used: then
// multiply_by_weight packs and uses one panel of its columns at a time, unless the weight is kept packed
// (core/gemm/kept_weights.h). The bits are the same either way.
constexpr bool few_rows(int64_t rows) { return rows <= 512; }

// In how many pieces a sum over `rows` rows is taken, each piece's sum kept apart and added in order. Depends on
// nothing but `rows`. 1, 2, 4, 8 or 16, which two or four threads share evenly, of 384 rows or more.
inline int64_t sum_groups(int64_t rows) {
    const auto groups = std::bit_floor(static_cast<uint64_t>(rows) / 384);
    return std::clamp<int64_t>(static_cast<int64_t>(groups), 1, 16);
}

}  // namespace swingrad

// Matrix products on one thread: what a BLAS does, in the size that this project needs it.
//
// A processor can multiply and add far faster than it can fetch. A product is fast where every number fetched is used
// many times, at each level of memory:
//
//   registers   The micro-kernel (core/gemm/small_product.h) sums up a tile of C, tile_rows x panel_columns, in vector
//               registers. For each k it reads one row of B's panel, which is a few vectors, and one number of each
//               row of A.
//   L1 cache    A panel of B, panel_columns wide and at most `depth` deep, serves all tiles of C below one another.
//               (With AVX-512 it is too large for that, and comes from L2 in a steady stream.)
//   L2 cache    The block of A, a few hundred rows and `depth` deep, serves all panels.
//
// For that B is packed first: panels side by side become panels one after the other, so that the micro-kernel reads
// memory in order. That costs one pass over B, and pays where many rows are multiplied by it: a layer's weight is
// packed once an operation and serves all blocks of rows; in a model that is only asked, once for all
// (core/gemm/kept_weights.h). A is read where it lies; where it is to be transposed, the
// micro-kernel would jump from page to page, so its rows are packed too.
//
// The bits of an element of C depend on its own row of A, its own column of B and K, not on what is computed beside it.
//
// Products of bfloat16 numbers are summed in float. Each is exact, having no more bits than a float has. On a processor
// that multiplies pairs of them (core/gemm/small_product.h), panels hold pairs of terms. On any other they are widened
// to float where they are packed, A's rows too, and the micro-kernel is float's: half the memory, but no faster.
//
// Source: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.
// Test: tests/core/gemm/test_gemm.cpp, where OpenBLAS is the reference.
#pragma once

#include "core/gemm/engine.h"
#include "core/gemm/gemm.h"
#include "core/gemm/small_product.h"
#include "core/tensor.h"
#include "core/threads.h"

#include <type_traits>

namespace swingrad {

// What the micro-kernel multiplies where the operands hold T.
template <class T>
using PanelElement =
    std::conditional_t<std::is_same_v<T, bfloat16>, std::conditional_t<multiplies_pairs, Bfloat16Pair, float>, T>;

// op(B) [k, n] of float, double or bfloat16: where OpenBLAS is to multiply (core/gemm/engine.h), as it is stored,
// without gaps; else in panels: panel p holds columns p panel_columns and on, row by row (by pairs of rows, where F is
// Bfloat16Pair), padded with zeros.
template <class T, class F = PanelElement<T>>
class PackedOperand {
  public:
    // Packed on all threads, unless inside a piece of parallel work; of a weight that is kept, only the first time.
    PackedOperand(Layout layout, int64_t n, int64_t k, const T* b, int64_t ldb);

    int64_t n() const { return n_; }
    int64_t k() const { return k_; }
    // From its row `term`; pairs begin at even ones.
    const F* panel(int64_t p, int64_t term) const;

    // Its columns [begin, end), in the same memory. `begin` is a multiple of panel_columns.
    PackedOperand columns_of(int64_t begin, int64_t end) const;

    // Not null: op(B) is as it was stored, at stored().
    BlasGemm<F> by_blas() const { return by_blas_; }
    Layout layout() const { return layout_; }
    const F* stored() const { return memory() + first_column_ * (layout_ == Layout::plain ? 1 : k_); }
    int64_t stored_ld() const { return layout_ == Layout::plain ? stored_columns_ : k_; }

  private:
    void pack(const T* b, int64_t ldb);
    void copy_as_stored(const T* b, int64_t ldb);
    const F* memory() const { return reinterpret_cast<const F*>(memory_.data<uint8_t>()); }

    int64_t n_, k_;
    Layout layout_;
    BlasGemm<F> by_blas_ = nullptr;
    int64_t first_column_ = 0, stored_columns_;  // of the matrix that memory_ holds: the first of n_, and all
    Tensor memory_;
};

// The initial value of the accumulators: zero, a row that is the same for all rows of C (a bias), or what C holds.
template <class T>
struct InitialValue {
    const T* first = nullptr;  // null: zero
    int64_t ld = 0;            // from one row to the next

    static InitialValue zero() { return {}; }
    static InitialValue row(const T* bias) { return {bias, 0}; }
    static InitialValue matrix(const T* c, int64_t ldc) { return {c, ldc}; }
};

// C [m, n] = initial + op(A) [m, k] B, on the calling thread. C may be what is summed in or, for bfloat16, bfloat16,
// rounded once.
template <class T, class F, class Out>
void multiply(Layout layout_a, int64_t m, const T* a, int64_t lda, const PackedOperand<T, F>& b, Out* c, int64_t ldc,
              InitialValue<acc_type<T>> initial = {});

// The same of A's rows as they are stored, on all threads unless inside a piece of parallel work.
template <class T, class F, class Out>
void multiply_rows(int64_t m, const T* a, int64_t lda, const PackedOperand<T, F>& b, Out* c, int64_t ldc,
                   InitialValue<acc_type<T>> initial = {}) {
    parallel_chunks(m, rows_a_piece(m), [&](int64_t begin, int64_t end) {
        InitialValue<acc_type<T>> from = initial;
        if (from.first) from.first += begin * from.ld;
        multiply(Layout::plain, end - begin, a + begin * lda, lda, b, c + begin * ldc, ldc, from);
    });
}

}  // namespace swingrad

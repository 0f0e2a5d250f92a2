#include "core/gemm/packed_operand.h"

#include "core/gemm/kept_weights.h"
#include "core/gemm/packing.h"
#include "core/gemm/product_log.h"
#include "core/gemm/tile_product.h"
#include "core/threads.h"

#include <algorithm>

namespace swingrad {
namespace {

// A panel of B of this depth takes 16 KB, half of L1; with AVX-512 48 KB, and comes from L2 in a steady stream. On an
// AMD EPYC with AVX2, 192 and 384 were slower by some 5 %.
constexpr int64_t depth = 256;
constexpr int64_t block_rows = 32 * tile_rows;  // of A: 192 KB or, with AVX-512, 256, for L2

constexpr int64_t rounded_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Up to tile_rows rows of A by one whole panel: by micro-kernels of fewer rows, where they are fewer.
template <class F, class Out>
void multiply_panel(int64_t rows, int64_t terms, const F* a, int64_t a_row, int64_t a_k, const F* panel,
                    InitialValue<SumOf<F>> initial, Out* c, int64_t ldc) {
    const auto compute = [&]<int R>(std::integral_constant<int, R>) {
        detail::micro_kernel<R, panel_vectors>(terms, a, a_row, a_k, panel, panel_columns<F>, initial.first, initial.ld,
                                               c, ldc);
        a += R * a_row;
        c += R * ldc;
        if (initial.first) initial.first += R * initial.ld;
        rows -= R;
    };
    if (rows == tile_rows) return compute(std::integral_constant<int, tile_rows>{});
    while (rows >= 4) compute(std::integral_constant<int, 4>{});
    while (rows > 0) compute(std::integral_constant<int, 1>{});
}

// The same by the first `columns` columns of the panel.
template <class F, class Out>
void multiply_narrow_panel(int64_t rows, int64_t columns, int64_t terms, const F* a, int64_t a_row, int64_t a_k,
                           const F* panel, InitialValue<SumOf<F>> initial, Out* c, int64_t ldc) {
    using S = SumOf<F>;
    S product[tile_rows * panel_columns<F>];
    multiply_panel<F>(rows, terms, a, a_row, a_k, panel, {}, product, panel_columns<F>);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j) {
            const S before = initial.first ? initial.first[r * initial.ld + j] : S(0);
            c[r * ldc + j] = narrow<Out>(before + product[r * panel_columns<F> + j]);
        }
}

// Rows of A by the numbers [done, done + terms) of each sum, ready for the micro-kernel.
template <class F>
struct RowBlock {
    const F* first;
    int64_t ld;  // from one row to the next; 0: the block is pack_rows'
    int64_t terms;
};

// A block of rows by all panels.
template <class T, class F, class Out>
void multiply_block(int64_t m, const RowBlock<F>& a, const PackedOperand<T, F>& b, int64_t done,
                    InitialValue<SumOf<F>> initial, Out* c, int64_t ldc) {
    constexpr int64_t width = panel_columns<F>;
    for (int64_t j = 0, p = 0; j < b.n(); j += width, ++p) {
        const F* panel = b.panel(p, done);
        const int64_t columns = std::min(width, b.n() - j);
        for (int64_t i = 0; i < m; i += tile_rows) {
            const int64_t rows = std::min<int64_t>(tile_rows, m - i);
            const F* from = a.first + i * (a.ld ? a.ld : a.terms);
            const int64_t a_row = a.ld ? a.ld : 1, a_k = a.ld ? 1 : rows;
            InitialValue<SumOf<F>> before = initial;
            if (before.first) before.first += i * before.ld + j;
            Out* to = c + i * ldc + j;
            if (columns == width && rows == tile_rows)  // nearly all
                detail::micro_kernel<tile_rows, panel_vectors>(a.terms, from, a_row, a_k, panel, width, before.first,
                                                               before.ld, to, ldc);
            else if (columns == width) multiply_panel(rows, a.terms, from, a_row, a_k, panel, before, to, ldc);
            else multiply_narrow_panel(rows, columns, a.terms, from, a_row, a_k, panel, before, to, ldc);
        }
    }
}

// Whether the micro-kernel can read rows of k numbers as they are stored: what it multiplies must be what is stored,
// and pairs must be whole and where a Bfloat16Pair may be.
template <class F, class T>
bool readable_in_place(int64_t k, const T* a, int64_t lda) {
    if constexpr (std::is_same_v<F, Bfloat16Pair>)
        return k % 2 == 0 && lda % 2 == 0 && reinterpret_cast<uintptr_t>(a) % alignof(Bfloat16Pair) == 0;
    else return std::is_same_v<F, T>;
}

template <class T>
void multiply_by_blas(Layout layout_a, int64_t m, const T* a, int64_t lda, const PackedOperand<T, T>& b, T* c,
                      int64_t ldc, InitialValue<T> initial) {
    const int64_t n = b.n(), k = b.k();
    for (int64_t i = 0; i < m; ++i) {
        const T* from = initial.first ? initial.first + i * initial.ld : nullptr;
        if (!from) std::fill_n(c + i * ldc, n, T(0));
        else if (from != c + i * ldc) std::copy_n(from, n, c + i * ldc);
    }
    if (k > 0)
        b.by_blas()(layout_a == Layout::transposed, b.layout() == Layout::transposed, m, n, k, a, lda, b.stored(),
                    b.stored_ld(), c, ldc);
}

}  // namespace

template <class T, class F>
PackedOperand<T, F>::PackedOperand(Layout layout, int64_t n, int64_t k, const T* b, int64_t ldb)
    : n_(n), k_(k), layout_(layout), stored_columns_(n) {
    static const char panels = 0, as_stored = 0;  // their addresses tell formats apart
    if constexpr (std::is_same_v<T, F>) by_blas_ = blas_gemm<F>();
    const detail::PackedFrom from{b, ldb, n, k, layout, by_blas_ ? &as_stored : &panels};
    const bool kept = detail::is_kept(b);
    if (kept) memory_ = detail::kept_packed(from);
    if (memory_.defined()) return;
    if (by_blas_) copy_as_stored(b, ldb);
    else pack(b, ldb);
    if (kept) detail::keep_packed(from, memory_);
}

template <class T, class F>
void PackedOperand<T, F>::pack(const T* b, int64_t ldb) {
    constexpr int64_t width = panel_columns<F>;
    const int64_t panels = rounded_up(n_, width) / width, panel_numbers = width * panel_terms<F>(k_);
    memory_ = Tensor::empty({panels * panel_numbers * static_cast<int64_t>(sizeof(F))}, DType::uint8);
    F* const to = reinterpret_cast<F*>(memory_.data<uint8_t>());
    parallel_chunks(
        panels, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, panel_numbers)), [&](int64_t begin, int64_t end) {
            for (int64_t p = begin; p < end; ++p)
                pack_panel(layout_, std::min(width, n_ - p * width), k_,
                           b + p * width * (layout_ == Layout::plain ? 1 : ldb), ldb, to + p * panel_numbers);
        });
}

template <class T, class F>
void PackedOperand<T, F>::copy_as_stored(const T* b, int64_t ldb) {
    const bool plain = layout_ == Layout::plain;
    const int64_t rows = plain ? k_ : n_, columns = plain ? n_ : k_;
    memory_ = Tensor::empty({rows, columns, static_cast<int64_t>(sizeof(T))}, DType::uint8);
    T* const to = reinterpret_cast<T*>(memory_.data<uint8_t>());
    parallel_rows(rows, columns, [&](int64_t row) { std::copy_n(b + row * ldb, columns, to + row * columns); });
}

template <class T, class F>
PackedOperand<T, F> PackedOperand<T, F>::columns_of(int64_t begin, int64_t end) const {
    PackedOperand some = *this;
    some.first_column_ += begin;
    some.n_ = end - begin;
    return some;
}

template <class T, class F>
const F* PackedOperand<T, F>::panel(int64_t p, int64_t term) const {
    const int64_t of_all = first_column_ / panel_columns<F> + p;
    return memory() + (of_all * panel_terms<F>(k_) + term / numbers_a_term<F>)*panel_columns<F>;
}

template <class T, class F, class Out>
void multiply(Layout layout_a, int64_t m, const T* a, int64_t lda, const PackedOperand<T, F>& b, Out* c, int64_t ldc,
              InitialValue<acc_type<T>> initial) {
    using Sum = acc_type<T>;
    constexpr bool rounds = !std::is_same_v<Out, Sum>;
    const int64_t n = b.n(), k = b.k(), rows_a_block = std::min(m, block_rows);
    if (m == 0 || n == 0) return;
    note_product({dtype_of<T>(), layout_a, m, n, k, static_cast<const void*>(initial.first) == c});
    if constexpr (std::is_same_v<T, F> && std::is_same_v<T, Out>) {
        if (b.by_blas()) return multiply_by_blas(layout_a, m, a, lda, b, c, ldc, initial);
    }
#ifdef __AMX_BF16__
    if constexpr (std::is_same_v<F, Bfloat16Pair>)
        return detail::multiply_by_tiles<TileRegisters>(layout_a, m, a, lda, b, c, ldc, initial);
#endif
    constexpr int64_t depth_numbers = depth * numbers_a_term<F>;
    const bool transposed = layout_a == Layout::transposed, in_place = !transposed && readable_in_place<F>(k, a, lda);
    Tensor packed_memory, sums_memory;
    F* packed = nullptr;  // a block of A, where it is not read in place
    Sum* sums = nullptr;  // a block of C, where it is rounded and too deep to be summed at one go
    if (!in_place) {
        packed_memory =
            Tensor::empty({rows_a_block, terms_of<F>(std::min(k, depth_numbers)), int64_t{sizeof(F)}}, DType::uint8);
        packed = reinterpret_cast<F*>(packed_memory.data<uint8_t>());
    }
    if (rounds && k > depth_numbers) {
        sums_memory = Tensor::empty({rows_a_block, n}, dtype_of<Sum>());
        sums = sums_memory.data<Sum>();
    }
    for (int64_t row = 0; row < m; row += block_rows) {
        const int64_t rows = std::min(block_rows, m - row);
        Out* const result = c + row * ldc;
        InitialValue<Sum> from = initial;
        if (from.first) from.first += row * from.ld;
        int64_t done = 0;  // of the k numbers of a sum
        do {
            const int64_t count = std::min(depth_numbers, k - done), terms = terms_of<F>(count);
            RowBlock<F> block{packed, transposed ? 0 : terms, terms};
            if (transposed) pack_rows(rows, count, a + done * lda + row, lda, packed);
            else if (in_place)
                block = {reinterpret_cast<const F*>(a + row * lda + done), lda / numbers_a_term<F>, terms};
            else convert_rows(rows, count, a + row * lda + done, lda, packed);
            done += count;
            if constexpr (rounds) {
                if (done < k) multiply_block(rows, block, b, done - count, from, sums, n);
                else multiply_block(rows, block, b, done - count, from, result, ldc);
                from = InitialValue<Sum>::matrix(sums, n);
            } else {
                multiply_block(rows, block, b, done - count, from, result, ldc);
                from = InitialValue<Sum>::matrix(result, ldc);
            }
        } while (done < k);
    }
}

#define INSTANTIATE(T, F, Out)                                                                            \
    template void multiply(Layout, int64_t, const T*, int64_t, const PackedOperand<T, F>&, Out*, int64_t, \
                           InitialValue<acc_type<T>>);
template class PackedOperand<float>;
template class PackedOperand<double>;
template class PackedOperand<bfloat16, float>;
template class PackedOperand<bfloat16, Bfloat16Pair>;
INSTANTIATE(float, float, float)
INSTANTIATE(double, double, double)
INSTANTIATE(bfloat16, float, float)
INSTANTIATE(bfloat16, float, bfloat16)
INSTANTIATE(bfloat16, Bfloat16Pair, float)
INSTANTIATE(bfloat16, Bfloat16Pair, bfloat16)
#undef INSTANTIATE

}  // namespace swingrad

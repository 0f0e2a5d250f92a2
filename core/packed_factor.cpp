#include "core/packed_factor.h"

#include "core/product_log.h"
#include "core/threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace swingrad {
namespace {

// Sums, one row of B and a number of A must fit into the registers: 8 x 3 + 3 + 1 of the 32 that AVX-512 has, 6 x 2 +
// 2 + 1 of 16.
constexpr int tile_rows = vector_bytes == 64 ? 8 : 6, panel_vectors = vector_bytes == 64 ? 3 : 2;
template <class T>
constexpr int64_t panel_columns = panel_vectors* lanes<T>;
// A panel of B of this depth takes 16 KB, half of L1; with AVX-512 48 KB, and comes from L2 in a steady stream. On an
// AMD EPYC with AVX2, 192 and 384 were slower by some 5 %.
constexpr int64_t depth = 256;
constexpr int64_t block_rows = 32 * tile_rows;  // of A: 192 KB or, with AVX-512, 256, for L2

constexpr int64_t rounded_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// `rows` stretches of `length` numbers, `ld` apart, put one after the other in steps of `step`. A length that the
// compiler knows, `usual`, takes no call.
template <int64_t usual, class T>
void copy_stretches(int64_t rows, int64_t length, const T* from, int64_t ld, T* to, int64_t step) {
    if (length == usual)
        for (int64_t i = 0; i < rows; ++i) std::memcpy(to + i * step, from + i * ld, usual * sizeof(T));
    else
        for (int64_t i = 0; i < rows; ++i) std::copy_n(from + i * ld, length, to + i * step);
}

// Rows [0, m) of op(A) = A^T, terms [0, k), into panels of tile_rows rows, each [k, rows of the panel].
template <class T>
void pack_rows(int64_t m, int64_t k, const T* a, int64_t lda, T* to) {
    constexpr int64_t piece = 16;  // terms whose cache lines serve the next panels too
    for (int64_t l = 0; l < k; l += piece)
        for (int64_t i = 0; i < m; i += tile_rows) {
            const int64_t rows = std::min<int64_t>(tile_rows, m - i);
            copy_stretches<tile_rows>(std::min(piece, k - l), rows, a + l * lda + i, lda, to + i * k + l * rows, rows);
        }
}

// Columns [first, first + columns) of op(B) into a panel [k, panel_columns].
template <class T>
void pack_panel(Layout layout, int64_t first, int64_t columns, int64_t k, const T* b, int64_t ldb, T* to) {
    constexpr int64_t width = panel_columns<T>, W = lanes<T>;
    if (columns < width) std::fill_n(to, width * k, T(0));
    if (layout == Layout::plain) return copy_stretches<width>(k, columns, b + first, ldb, to, width);
    const T* from = b + first * ldb;  // squares of W columns by W terms, then what is left
    const int64_t whole_columns = columns / W * W, whole_terms = k / W * W;
    for (int64_t l = 0; l < whole_terms; l += W)
        for (int64_t j = 0; j < whole_columns; j += W)
            transpose_square(from + j * ldb + l, ldb, to + l * width + j, width);
    for (int64_t l = 0; l < k; ++l)
        for (int64_t j = l < whole_terms ? whole_columns : 0; j < columns; ++j) to[l * width + j] = from[j * ldb + l];
}

// Up to tile_rows rows by one whole panel.
template <class T>
void tile(int64_t rows, int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* panel, Beginning<T> beginning, T* c,
          int64_t ldc) {
    const auto compute = [&]<int R>(std::integral_constant<int, R>) {
        detail::product_tile<R, panel_vectors>(k, a, a_row, a_k, panel, panel_columns<T>, beginning.first, beginning.ld,
                                               c, ldc);
        a += R * a_row;
        c += R * ldc;
        if (beginning.first) beginning.first += R * beginning.ld;
        rows -= R;
    };
    if (rows == tile_rows) return compute(std::integral_constant<int, tile_rows>{});
    while (rows >= 4) compute(std::integral_constant<int, 4>{});
    while (rows > 0) compute(std::integral_constant<int, 1>{});
}

// The same by the first `columns` of the panel.
template <class T>
void narrow_tile(int64_t rows, int64_t columns, int64_t k, const T* a, int64_t a_row, int64_t a_k, const T* panel,
                 Beginning<T> beginning, T* c, int64_t ldc) {
    T product[tile_rows * panel_columns<T>];
    tile<T>(rows, k, a, a_row, a_k, panel, {}, product, panel_columns<T>);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j) {
            const T begin = beginning.first ? beginning.first[r * beginning.ld + j] : T(0);
            c[r * ldc + j] = begin + product[r * panel_columns<T> + j];
        }
}

// A block of rows by terms [done, done + terms) of B, all panels. `packed`: the block is pack_rows'.
template <class T>
void multiply_block(bool packed, int64_t m, int64_t terms, const T* a, int64_t lda, const PackedFactor<T>& b,
                    int64_t done, Beginning<T> beginning, T* c, int64_t ldc) {
    constexpr int64_t width = panel_columns<T>;
    for (int64_t j = 0, p = 0; j < b.n(); j += width, ++p) {
        const T* panel = b.panel(p) + done * width;
        const int64_t columns = std::min(width, b.n() - j);
        for (int64_t i = 0; i < m; i += tile_rows) {
            const int64_t rows = std::min<int64_t>(tile_rows, m - i);
            const T* from = packed ? a + i * terms : a + i * lda;
            const int64_t a_row = packed ? 1 : lda, a_k = packed ? rows : 1;
            Beginning<T> begin = beginning;
            if (begin.first) begin.first += i * begin.ld + j;
            T* to = c + i * ldc + j;
            if (columns == width) tile(rows, terms, from, a_row, a_k, panel, begin, to, ldc);
            else narrow_tile(rows, columns, terms, from, a_row, a_k, panel, begin, to, ldc);
        }
    }
}

}  // namespace

template <class T>
PackedFactor<T>::PackedFactor(Layout layout, int64_t n, int64_t k, const T* b, int64_t ldb)
    : n_(n), k_(k), memory_(Tensor::empty({rounded_up(n, panel_columns<T>), k}, dtype_of<T>())) {
    constexpr int64_t width = panel_columns<T>;
    const int64_t panels = rounded_up(n, width) / width, panel_numbers = width * k;
    parallel_chunks(panels, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, panel_numbers)),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t p = begin; p < end; ++p)
                            pack_panel(layout, p * width, std::min(width, n - p * width), k, b, ldb,
                                       memory_.data<T>() + p * panel_numbers);
                    });
}

template <class T>
const T* PackedFactor<T>::panel(int64_t p) const {
    return memory_.data<T>() + p * panel_columns<T> * k_;
}

template <class T>
void multiply(Layout layout_a, int64_t m, const T* a, int64_t lda, const PackedFactor<T>& b, T* c, int64_t ldc,
              Beginning<T> beginning) {
    const int64_t n = b.n(), k = b.k();
    if (m == 0 || n == 0) return;
    note_product({dtype_of<T>(), layout_a, m, n, k, beginning.first == c});
    const bool transposed = layout_a == Layout::transposed;
    const Tensor packed =
        transposed ? Tensor::empty({std::min(m, block_rows), std::min(k, depth)}, dtype_of<T>()) : Tensor();
    int64_t done = 0;  // of the k terms
    do {
        const int64_t terms = std::min(depth, k - done);
        for (int64_t row = 0; row < m; row += block_rows) {
            const int64_t rows = std::min(block_rows, m - row);
            const T* block = transposed ? packed.data<T>() : a + row * lda + done;
            if (transposed) pack_rows(rows, terms, a + done * lda + row, lda, packed.data<T>());
            Beginning<T> from = beginning;
            if (from.first) from.first += row * from.ld;
            multiply_block(transposed, rows, terms, block, lda, b, done, from, c + row * ldc, ldc);
        }
        beginning = Beginning<T>::matrix(c, ldc);
        done += terms;
    } while (done < k);
}

std::string product_kernel() {
#if defined(__AVX512F__)
    const char* set = "AVX-512";
#elif defined(__AVX2__) && defined(__FMA__)
    const char* set = "AVX2";
#elif defined(__x86_64__)
    const char* set = "SSE2";
#else
    const char* set = "vectors";
#endif
    return fmt::format("{}, tiles of {} x {}", set, tile_rows, panel_columns<float>);
}

std::string unused_instructions() {
#if defined(__x86_64__) && !defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512f")) return "AVX-512";
#if !defined(__AVX2__)
    if (__builtin_cpu_supports("avx2")) return "AVX2";
#endif
#endif
    return "";
}

template class PackedFactor<float>;
template class PackedFactor<double>;
template void multiply(Layout, int64_t, const float*, int64_t, const PackedFactor<float>&, float*, int64_t,
                       Beginning<float>);
template void multiply(Layout, int64_t, const double*, int64_t, const PackedFactor<double>&, double*, int64_t,
                       Beginning<double>);

}  // namespace swingrad

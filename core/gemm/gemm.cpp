#include "core/gemm/gemm.h"

#include "core/gemm/kept_weights.h"
#include "core/gemm/packed_operand.h"
#include "core/gemm/packing.h"
#include "core/threads.h"

#include <algorithm>

namespace swingrad {
namespace {

// First element of row `row` of op(A), and of column `column` of op(A).
template <class T>
const T* at_row(Layout layout, const T* a, int64_t lda, int64_t row) {
    return layout == Layout::plain ? a + row * lda : a + row;
}
template <class T>
const T* at_column(Layout layout, const T* a, int64_t lda, int64_t column) {
    return layout == Layout::plain ? a + column : a + column * lda;
}

template <class T>
InitialValue<T> initial_value(bool accumulate, const T* c, int64_t ldc) {
    return accumulate ? InitialValue<T>::matrix(c, ldc) : InitialValue<T>::zero();
}

template <class From, class To>
void convert_matrix(int64_t m, int64_t n, const From* from, int64_t from_ld, To* to, int64_t to_ld) {
    parallel_chunks(m, std::max<int64_t>(1, 16384 / n), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = 0; j < n; ++j) to[i * to_ld + j] = static_cast<To>(from[i * from_ld + j]);
    });
}

// Calls body(c, ldc) with the result, or where that is narrower than the sums with their matrix, which becomes it.
template <class Sum, class Out, class Body>
void in_sums(int64_t m, int64_t n, Out* c, int64_t ldc, bool accumulate, const Body& body) {
    if constexpr (std::is_same_v<Sum, Out>) {
        body(c, ldc);
    } else {
        const Tensor memory = Tensor::empty({m, n}, dtype_of<Sum>());
        Sum* const sums = memory.data<Sum>();
        if (accumulate) convert_matrix(m, n, c, ldc, sums, n);
        body(sums, n);
        convert_matrix(m, n, sums, n, c, ldc);
    }
}

}  // namespace

template <class T, class Out>
void gemm_block(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    if (m == 0 || n == 0) return;
    in_sums<acc_type<T>>(m, n, c, ldc, accumulate, [&](acc_type<T>* sums, int64_t ld) {
        multiply(layout_a, m, a, lda, PackedOperand<T>(layout_b, n, k, b, ldb), sums, ld,
                 initial_value(accumulate, sums, ld));
    });
}

namespace {

// The same by all threads, summed in Sum.
template <class T, class Sum>
void gemm_in_sums(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda,
                  const T* b, int64_t ldb, Sum* c, int64_t ldc, bool accumulate) {
    // Cutting the sum costs a partial C a group: only where C is smaller than the operands.
    const int64_t groups = m * n < k * std::min(m, n) ? sum_groups(k) : 1;
    // Each group's rows of op(B), packed by the group's own thread or, where there is one group, by all threads.
    if (groups == 1) {
        const PackedOperand<T> packed(layout_b, n, k, b, ldb);
        parallel_chunks(m, rows_a_piece(m), [&](int64_t begin, int64_t end) {
            Sum* block = c + begin * ldc;
            multiply(layout_a, end - begin, at_row(layout_a, a, lda, begin), lda, packed, block, ldc,
                     initial_value(accumulate, block, ldc));
        });
        return;
    }
    // Group 0 writes to C itself; the others to partial sums [groups - 1, m, n].
    const Tensor partial = Tensor::empty({groups - 1, m, n}, dtype_of<Sum>());
    parallel_for(groups, [&](int64_t group) {
        const int64_t begin = k * group / groups, end = k * (group + 1) / groups;
        const PackedOperand<T> packed(layout_b, n, end - begin, at_row(layout_b, b, ldb, begin), ldb);
        Sum* sum = group == 0 ? c : partial.data<Sum>() + (group - 1) * m * n;
        const int64_t ld = group == 0 ? ldc : n;
        multiply(layout_a, m, at_column(layout_a, a, lda, begin), lda, packed, sum, ld,
                 initial_value(accumulate && group == 0, sum, ld));
    });
    parallel_chunks(m, std::max<int64_t>(1, 16384 / n), [&](int64_t first, int64_t last) {
        for (int64_t group = 1; group < groups; ++group)
            for (int64_t i = first; i < last; ++i) {
                const Sum* from = partial.data<Sum>() + ((group - 1) * m + i) * n;
                for (int64_t j = 0; j < n; ++j) c[i * ldc + j] += from[j];
            }
    });
}

}  // namespace

template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    if (m == 0 || n == 0) return;
    in_sums<acc_type<T>>(m, n, c, ldc, accumulate, [&](acc_type<T>* sums, int64_t ld) {
        gemm_in_sums(layout_a, layout_b, m, n, k, a, lda, b, ldb, sums, ld, accumulate);
    });
}

template <class T>
void multiply_by_weight(int64_t rows, int64_t I, int64_t O, const T* x, const T* weight, const acc_type<T>* bias,
                        T* y) {
    using Bias = InitialValue<acc_type<T>>;
    if (!few_rows(rows)) {
        const PackedOperand<T> weight_t(Layout::transposed, O, I, weight, I);
        return multiply_rows(rows, x, I, weight_t, y, O, Bias::row(bias));
    }
    if (detail::is_kept(weight)) {  // in pieces of whole panels, of which many threads find some
        const PackedOperand<T> weight_t(Layout::transposed, O, I, weight, I);
        constexpr int64_t width = panel_columns<PanelElement<T>>;
        const int64_t panels_a_piece = (O + 16 * width - 1) / (16 * width);
        parallel_chunks(O, panels_a_piece * width, [&](int64_t begin, int64_t end) {
            multiply(Layout::plain, rows, x, I, weight_t.columns_of(begin, end), y + begin, O,
                     Bias::row(bias ? bias + begin : nullptr));
        });
        return;
    }
    // A large weight packed as a whole would leave the cache before the rows come to it.
    parallel_chunks(O, panel_columns<PanelElement<T>>, [&](int64_t begin, int64_t end) {
        const PackedOperand<T> columns(Layout::transposed, end - begin, I, weight + begin * I, I);
        multiply(Layout::plain, rows, x, I, columns, y + begin, O, Bias::row(bias ? bias + begin : nullptr));
    });
}

template void multiply_by_weight(int64_t, int64_t, int64_t, const float*, const float*, const float*, float*);
template void multiply_by_weight(int64_t, int64_t, int64_t, const double*, const double*, const double*, double*);
template void multiply_by_weight(int64_t, int64_t, int64_t, const bfloat16*, const bfloat16*, const float*, bfloat16*);

#define INSTANTIATE(T, Out)                                                                                            \
    template void gemm_block(Layout, Layout, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, Out*,    \
                             int64_t, bool);                                                                           \
    template void gemm(Layout, Layout, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, Out*, int64_t, \
                       bool);
INSTANTIATE(float, float)
INSTANTIATE(double, double)
INSTANTIATE(bfloat16, float)
INSTANTIATE(bfloat16, bfloat16)
#undef INSTANTIATE

}  // namespace swingrad

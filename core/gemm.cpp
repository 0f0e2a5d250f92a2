#include "core/gemm.h"

#include "core/blas.h"
#include "core/tensor.h"
#include "core/threads.h"

#include <algorithm>
#include <atomic>
#include <limits>

namespace swingrad {
namespace {

CBLAS_TRANSPOSE blas_layout(Layout layout) { return layout == Layout::plain ? CblasNoTrans : CblasTrans; }

// First element of row `row` of op(A), and of column `column` of op(A).
template <class T>
const T* at_row(Layout layout, const T* a, int64_t lda, int64_t row) {
    return layout == Layout::plain ? a + row * lda : a + row;
}
template <class T>
const T* at_column(Layout layout, const T* a, int64_t lda, int64_t column) {
    return layout == Layout::plain ? a + column : a + column * lda;
}

std::atomic<GemmLog*> log = nullptr;

}  // namespace

GemmLog::GemmLog() {
    GemmLog* none = nullptr;
    check(log.compare_exchange_strong(none, this), "[gemm] products are being noted already");
}
GemmLog::~GemmLog() { log = nullptr; }

std::map<GemmCall, int64_t> GemmLog::calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
}
double GemmLog::flops() const {
    const std::lock_guard lock(mutex_);
    return flops_;
}
void GemmLog::note(const GemmCall& call) {
    const std::lock_guard lock(mutex_);
    ++calls_[call];
    flops_ += call.flops();
}

template <class T>
void gemm_block(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                int64_t ldb, T* c, int64_t ldc, bool accumulate) {
    check(std::max({m, n, k, lda, ldb, ldc}) <= std::numeric_limits<int>::max(),
          "[gemm] sizes must fit into 31 bits, got m {}, n {}, k {}, leading dimensions {}, {}, {}", m, n, k, lda, ldb,
          ldc);
    if (GemmLog* noting = log) noting->note({dtype_of<T>(), layout_a, layout_b, m, n, k, accumulate});
    // The BLAS standard asks for leading dimensions of at least 1; the rows of a [m, 0] matrix have 0.
    lda = std::max<int64_t>(1, lda), ldb = std::max<int64_t>(1, ldb), ldc = std::max<int64_t>(1, ldc);
    const auto M = static_cast<int>(m), N = static_cast<int>(n), K = static_cast<int>(k);
    const auto LDA = static_cast<int>(lda), LDB = static_cast<int>(ldb), LDC = static_cast<int>(ldc);
    const T beta = accumulate ? T(1) : T(0);
    const auto call = [] {
        if constexpr (std::is_same_v<T, float>) return blas().sgemm;
        else return blas().dgemm;
    }();
    call(CblasRowMajor, blas_layout(layout_a), blas_layout(layout_b), M, N, K, T(1), a, LDA, b, LDB, beta, c, LDC);
}

int64_t sum_groups(int64_t rows) { return std::clamp<int64_t>(rows / 512, 1, 16); }

template <class T>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, T* c, int64_t ldc, bool accumulate) {
    if (m == 0 || n == 0) return;
    const int64_t row_blocks = (m + gemm_rows - 1) / gemm_rows;
    // Cutting the sum costs a partial C a group: only where C is smaller than the factors.
    const int64_t groups = m * n < k * std::min(m, n) ? sum_groups(k) : 1;
    // Group 0 writes to C itself; the others to partial sums [groups - 1, m, n].
    const Tensor partial = groups > 1 ? Tensor::empty({groups - 1, m, n}, dtype_of<T>()) : Tensor();
    parallel_for(row_blocks * groups, [&](int64_t piece) {
        const int64_t group = piece / row_blocks, row = piece % row_blocks * gemm_rows;
        const int64_t begin = k * group / groups, end = k * (group + 1) / groups;
        const T* block_a = at_column(layout_a, at_row(layout_a, a, lda, row), lda, begin);
        const T* block_b = at_row(layout_b, b, ldb, begin);
        const int64_t rows = std::min(gemm_rows, m - row);
        if (group == 0)
            gemm_block(layout_a, layout_b, rows, n, end - begin, block_a, lda, block_b, ldb, c + row * ldc, ldc,
                       accumulate);
        else
            gemm_block(layout_a, layout_b, rows, n, end - begin, block_a, lda, block_b, ldb,
                       partial.data<T>() + ((group - 1) * m + row) * n, n, false);
    });
    if (groups == 1) return;
    parallel_chunks(m, std::max<int64_t>(1, 16384 / n), [&](int64_t first, int64_t last) {
        for (int64_t group = 1; group < groups; ++group)
            for (int64_t i = first; i < last; ++i) {
                const T* from = partial.data<T>() + ((group - 1) * m + i) * n;
                for (int64_t j = 0; j < n; ++j) c[i * ldc + j] += from[j];
            }
    });
}

template void gemm_block(Layout, Layout, int64_t, int64_t, int64_t, const float*, int64_t, const float*, int64_t,
                         float*, int64_t, bool);
template void gemm_block(Layout, Layout, int64_t, int64_t, int64_t, const double*, int64_t, const double*, int64_t,
                         double*, int64_t, bool);
template void gemm(Layout, Layout, int64_t, int64_t, int64_t, const float*, int64_t, const float*, int64_t, float*,
                   int64_t, bool);
template void gemm(Layout, Layout, int64_t, int64_t, int64_t, const double*, int64_t, const double*, int64_t, double*,
                   int64_t, bool);

}  // namespace swingrad

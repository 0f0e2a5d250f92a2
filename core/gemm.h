// Matrix products, all of them: row-major C = op(A) op(B), op(X) being X or its transpose, as `Layout` says.
//
//   m rows and n columns of C, k terms a sum.  op(A) is [m, k], op(B) is [k, n], C is [m, n].
//   lda, ldb, ldc: distance between rows as stored, in elements.
//
// OpenBLAS computes; what is added here is that the result has the same bits for any number of threads. The
// product is cut into blocks whose size depends on m, n and k alone, and each block is one single-threaded call.
#pragma once

#include "core/dtype.h"

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>

namespace swingrad {

enum class Layout : uint8_t { plain, transposed };

// Rows in a block of work: enough for OpenBLAS to reach its speed, little enough to stay in the cache.
constexpr int64_t gemm_rows = 256;

// One single-threaded call: C = op(A) op(B), or C += where `accumulate`. For use inside a piece of parallel work.
template <class T>
void gemm_block(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                int64_t ldb, T* c, int64_t ldc, bool accumulate);

// The same on all threads. A long sum over few rows and columns (a weight gradient: k = tokens) is cut along k
// too, into at most 16 partial products added in order.
template <class T>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, T* c, int64_t ldc, bool accumulate);

// What gemm_block was asked for.
struct GemmCall {
    DType dtype;
    Layout layout_a, layout_b;
    int64_t m, n, k;
    bool accumulate;

    double flops() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
    auto operator<=>(const GemmCall&) const = default;
};

// While one of these lives it notes every gemm_block, on whatever thread; for benchmarks. One at a time.
class GemmLog {
  public:
    GemmLog();
    ~GemmLog();
    GemmLog(const GemmLog&) = delete;
    GemmLog& operator=(const GemmLog&) = delete;

    std::map<GemmCall, int64_t> calls() const;  // how often each
    double flops() const;                       // of all so far

    void note(const GemmCall& call);  // gemm_block's

  private:
    mutable std::mutex mutex_;
    std::map<GemmCall, int64_t> calls_;
    double flops_ = 0;
};

// In how many pieces a sum over `rows` rows is taken, each piece's sum kept apart and added in order. Depends on
// nothing but `rows`.
int64_t sum_groups(int64_t rows);

}  // namespace swingrad

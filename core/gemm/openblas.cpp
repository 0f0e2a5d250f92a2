// libswingrad_openblas.so: OpenBLAS' products, declared when the library is loaded (core/gemm/engine.h).
#include "core/gemm/engine.h"

#include <cblas.h>

namespace {

CBLAS_TRANSPOSE transpose(bool on) { return on ? CblasTrans : CblasNoTrans; }

[[maybe_unused]] const bool declared = [] {
    openblas_set_num_threads(1);  // the pieces of work are the threads'
    swingrad::Blas blas;
    blas.in_float = [](bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
                       const float* b, int64_t ldb, float* c, int64_t ldc) {
        cblas_sgemm(CblasRowMajor, transpose(transpose_a), transpose(transpose_b), static_cast<blasint>(m),
                    static_cast<blasint>(n), static_cast<blasint>(k), 1, a, static_cast<blasint>(lda), b,
                    static_cast<blasint>(ldb), 1, c, static_cast<blasint>(ldc));
    };
    blas.in_double = [](bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const double* a,
                        int64_t lda, const double* b, int64_t ldb, double* c, int64_t ldc) {
        cblas_dgemm(CblasRowMajor, transpose(transpose_a), transpose(transpose_b), static_cast<blasint>(m),
                    static_cast<blasint>(n), static_cast<blasint>(k), 1, a, static_cast<blasint>(lda), b,
                    static_cast<blasint>(ldb), 1, c, static_cast<blasint>(ldc));
    };
    blas.kernels = openblas_get_corename();
    swingrad::declare_blas(blas);
    return true;
}();

}  // namespace

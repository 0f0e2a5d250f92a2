// cuda/runtime/gemm.h without a GPU: core's products, on memory that the host can read. Those of bfloat16 are summed in
// float and rounded once, as tensor cores do it.

#include "cuda/runtime/gemm.h"

#include "core/gemm/product_kernels.h"
#include "cuda/emulator/counts/counts.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/streams.h"
#include "cuda/emulator/language/graph.h"

namespace swingrad::cuda {
namespace {

template <class T, class Out>
void multiply(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
              int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    const emulator::streams::Work work(compute_stream(), "a matrix product");
    work.reads(a);
    work.reads(b);
    work.writes(c);
    gemm_of_kernels<T, Out>()(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    for (int64_t i = 0; i < m; ++i) emulator::written_by_host(c + i * ldc, static_cast<size_t>(n) * sizeof(Out));
}

}  // namespace

template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    emulator::ask([=] {
        multiply(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
        emulator::counts::multiplied(1, m, n, k, sizeof(T), sizeof(Out));
    });
}

template <class T, class Out>
void gemm_batched(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a,
                  const T* b, Out* c) {
    const int64_t lda = layout_a == Layout::plain ? k : m, ldb = layout_b == Layout::plain ? n : k;
    emulator::ask([=] {
        for (int64_t i = 0; i < batch; ++i)
            multiply(layout_a, layout_b, m, n, k, a + i * m * k, lda, b + i * k * n, ldb, c + i * m * n, n, false);
        emulator::counts::multiplied(batch, m, n, k, sizeof(T), sizeof(Out));
    });
}

template <class T>
void gemm_bias(int64_t m, int64_t n, int64_t k, const T* a, const T* b, const acc_type<T>* bias, T* c) {
    if (bias) fill_rows(m, n, bias, c);
    cuda::gemm(Layout::plain, Layout::transposed, m, n, k, a, k, b, k, c, n, bias != nullptr);
}

#define INSTANTIATE(T, Out)                                                                                            \
    template void gemm(Layout, Layout, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, Out*, int64_t, \
                       bool);                                                                                          \
    template void gemm_batched(Layout, Layout, int64_t, int64_t, int64_t, int64_t, const T*, const T*, Out*);
INSTANTIATE(float, float)
INSTANTIATE(double, double)
INSTANTIATE(bfloat16, bfloat16)
INSTANTIATE(bfloat16, float)
#undef INSTANTIATE

template void gemm_bias(int64_t, int64_t, int64_t, const float*, const float*, const float*, float*);
template void gemm_bias(int64_t, int64_t, int64_t, const double*, const double*, const double*, double*);
template void gemm_bias(int64_t, int64_t, int64_t, const bfloat16*, const bfloat16*, const float*, bfloat16*);

}  // namespace swingrad::cuda

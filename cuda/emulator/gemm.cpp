// cuda/gemm.h without a GPU: core's products, on memory that the host can read. bfloat16 is widened, multiplied as
// float and rounded once, as tensor cores do it.

#include "cuda/gemm.h"

#include "core/tensor.h"
#include "core/threads.h"
#include "cuda/emulator/graph.h"
#include "cuda/emulator/memory.h"

namespace swingrad::cuda {
namespace {

constexpr int64_t rows_a_piece = 64;

// A copy of a matrix in the type that is computed in, its rows without gaps.
template <class To, class From>
void convert_matrix(int64_t rows, int64_t columns, const From* from, int64_t from_ld, To* to, int64_t to_ld) {
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = 0; j < columns; ++j) to[i * to_ld + j] = static_cast<To>(from[i * from_ld + j]);
    });
}

Tensor widened(Layout layout, int64_t rows, int64_t columns, const bfloat16* from, int64_t ld) {
    if (layout == Layout::transposed) std::swap(rows, columns);  // as stored
    const Tensor wide = Tensor::empty({rows, columns}, DType::float32);
    convert_matrix(rows, columns, from, ld, wide.data<float>(), columns);
    return wide;
}

template <class T, class Out>
void multiply(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
              int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    if constexpr (std::is_same_v<T, bfloat16>) {
        const Tensor wide_a = widened(layout_a, m, k, a, lda), wide_b = widened(layout_b, k, n, b, ldb);
        const Tensor wide_c = Tensor::empty({m, n}, DType::float32);
        if (accumulate) convert_matrix(m, n, c, ldc, wide_c.data<float>(), n);
        swingrad::gemm(layout_a, layout_b, m, n, k, wide_a.data<float>(), wide_a.shape()[1], wide_b.data<float>(),
                       wide_b.shape()[1], wide_c.data<float>(), n, accumulate);
        convert_matrix(m, n, wide_c.data<float>(), n, c, ldc);
    } else {
        swingrad::gemm(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    }
    for (int64_t row = 0; row < m; ++row)
        emulator::written_by_host(c + row * ldc, static_cast<size_t>(n) * sizeof(Out));
}

}  // namespace

template <class T, class Out>
void gemm(Layout layout_a, Layout layout_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, Out* c, int64_t ldc, bool accumulate) {
    emulator::ask([=] {
        multiply(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
        for (int64_t i = 0; i < m; ++i) emulator::written_by_host(c + i * ldc, static_cast<size_t>(n) * sizeof(Out));
    });
}

template <class T, class Out>
void gemm_batched(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a,
                  const T* b, Out* c) {
    const int64_t lda = layout_a == Layout::plain ? k : m, ldb = layout_b == Layout::plain ? n : k;
    for (int64_t i = 0; i < batch; ++i)
        cuda::gemm(layout_a, layout_b, m, n, k, a + i * m * k, lda, b + i * k * n, ldb, c + i * m * n, n, false);
}

template <class T>
void gemm_bias(int64_t m, int64_t n, int64_t k, const T* a, const T* b, const Wide<T>* bias, T* c) {
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

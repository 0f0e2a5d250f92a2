// matmul by packed products (core/gemm). One matrix alone is cut into blocks for all threads; of several, each is a
// piece of work of its own. Mathematics and names: ops/linear/matmul.cpp.

#include "core/gemm/gemm.h"
#include "core/threads.h"
#include "cuda/linear/matmul.h"
#include "ops/operation.h"

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// c [batch, m, n] = op(a) op(b), a sum over k
template <class T>
void product(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a, const T* b,
             T* c) {
    const int64_t lda = layout_a == plain ? k : m, ldb = layout_b == plain ? n : k;
    if (batch == 1) return gemm(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, n, false);
    parallel_for(batch, [=](int64_t i) {
        gemm_block(layout_a, layout_b, m, n, k, a + i * m * k, lda, b + i * k * n, ldb, c + i * m * n, n, false);
    });
}

template <class T>
void forward(const MatmulOp<T>& op) {
    product(plain, plain, op.batch, op.M, op.N, op.K, op.a, op.b, op.y);
}

template <class T>
void backward(const MatmulOp<T>& op) {
    if (op.da) product(plain, transposed, op.batch, op.M, op.K, op.N, op.dy, op.b, op.da);
    if (op.db) product(transposed, plain, op.batch, op.K, op.N, op.M, op.a, op.dy, op.db);
}

const DeclareFastPath<MatmulOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad

// matmul(a [..., M, K], b [..., K, N]) -> [..., M, N], the leading axes equal
//
//   y = a b        y_mn = sum_k a_mk b_kn
//
// Backward. d y_mn / d a_mk = b_kn and d y_mn / d b_kn = a_mk, so
//
//   da_mk = sum_n dy_mn b_kn        da = dy b^T
//   db_kn = sum_m a_mk dy_mn        db = a^T dy
//
// Saved: a and b.
// Source: any text. Test: tests/linear/test_matmul.cpp.

#include "cuda/linear/matmul.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void MatmulOp<T>::forward() const {
    parallel_rows(batch * M, K * N, [&](int64_t row) {
        const int64_t i = row / M;  // the matrix
        std::vector<A> sum(N);
        for (int64_t k = 0; k < K; ++k)
            for (int64_t n = 0; n < N; ++n) sum[n] += a[row * K + k] * b[(i * K + k) * N + n];
        for (int64_t n = 0; n < N; ++n) y[row * N + n] = sum[n];
    });
}

// ---- backward

template <class T>
void MatmulOp<T>::backward() const {
    // forward: y_mn = sum_k a_mk b_kn, so:
    if (da)
        parallel_rows(batch * M, K * N, [&](int64_t row) {
            const int64_t i = row / M;
            for (int64_t k = 0; k < K; ++k) {
                const T *dy_m = dy + row * N, *b_k = b + (i * K + k) * N;
                A sum = 0;
#pragma omp simd reduction(+ : sum)
                for (int64_t n = 0; n < N; ++n) sum += dy_m[n] * b_k[n];
                da[row * K + k] = sum;
            }
        });
    if (db)
        parallel_rows(batch * K, M * N, [&](int64_t row) {
            const int64_t i = row / K, k = row % K;
            std::vector<A> sum(N);
            for (int64_t m = 0; m < M; ++m)
                for (int64_t n = 0; n < N; ++n) sum[n] += a[(i * M + m) * K + k] * dy[(i * M + m) * N + n];
            for (int64_t n = 0; n < N; ++n) db[row * N + n] = sum[n];
        });
}

// ---- autograd node

namespace {

// A struct of the sizes alone.
template <class T>
MatmulOp<T> sizes_of(const Tensor& a, const Tensor& b) {
    int64_t batch = 1;
    for (int axis = 0; axis < a.shape().rank() - 2; ++axis) batch *= a.shape()[axis];
    return {.batch = batch, .M = a.shape()[-2], .K = a.shape()[-1], .N = b.shape()[-1]};
}

struct MatmulNode final : Node {
    Tensor a, b;  // [..., M, K], [..., K, N]

    std::string_view name() const override { return "matmul"; }
    std::vector<Saved> saved() const override { return {{"a", a}, {"b", b}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const Tensor da = needs_input_grad[0] ? a.empty_like(a.shape()) : Tensor();
        const Tensor db = needs_input_grad[1] ? b.empty_like(b.shape()) : Tensor();
        run_backward(name(), a, [&]<class T>(T) {
            MatmulOp<T> op = sizes_of<T>(a, b);
            op.a = ptr(a), op.b = ptr(b), op.dy = ptr(dy), op.da = ptr(da), op.db = ptr(db);
            return op;
        });
        return {da, db};
    }
};

}  // namespace

// ---- public function

Tensor matmul(const Tensor& a, const Tensor& b) {
    const Shape &left = a.shape(), &right = b.shape();
    const bool fits = left.rank() >= 2 && left.rank() == right.rank() && left[-1] == right[-2] &&
                      std::equal(left.begin(), left.end() - 2, right.begin());
    check(fits, "[matmul] expects [..., M, K] and [..., K, N], got {} and {}", left, right);
    check(a.dtype() == b.dtype(), "[matmul] expects one dtype, got {} and {}", name_of(a.dtype()), name_of(b.dtype()));

    check_one_device("matmul", {{"a", a}, {"b", b}});

    const Tensor y = a.empty_like(left.with(-1, right[-1]));
    run_forward("matmul", a, [&]<class T>(T) {
        MatmulOp<T> op = sizes_of<T>(a, b);
        op.a = ptr(a), op.b = ptr(b), op.y = ptr(y);
        return op;
    });
    if (!recording({a, b})) return y;
    auto node = std::make_unique<MatmulNode>();
    node->a = a.detached();
    node->b = b.detached();
    return record(std::move(node), {a, b}, y);
}

// ---- gradient checks

const DeclareGradientCase matmul_case{{
    "matmul",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 4}, random.split(0)), random_tensor({4, 2}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); },
}};
const DeclareGradientCase batched_case{{
    "matmul/batched",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 1, 2, 3}, random.split(0)), random_tensor({2, 1, 3, 4}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); },
}};

}  // namespace swingrad

// matmul(a [..., M, K], b [..., K, N]) -> [..., M, N], the leading axes equal
//
//   y = a b        y_mn = sum_k a_mk b_kn
//
// Backward. d y_mn / d a_mk = b_kn and d y_mn / d b_kn = a_mk, so
//
//   da_mk = sum_n dy_mn b_kn        da = dy b^T
//   db_kn = sum_m a_mk dy_mn        db = a^T dy
//
// Saved: a and b. One matrix alone is cut into blocks by gemm; of several, each is a piece of work of its own.
// Source: any text. Test: tests/linear/test_matmul.cpp.

#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/threads.h"
#include "cuda/runtime/gemm.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// Product of all axes but the last two.
int64_t matrices(const Shape& shape) {
    int64_t count = 1;
    for (int axis = 0; axis < shape.rank() - 2; ++axis) count *= shape[axis];
    return count;
}

// ---- CPU forward and backward: c [batch, m, n] = op(a) op(b), a sum over k

template <class T>
void product(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const T* a, const T* b,
             T* c) {
    const int64_t lda = layout_a == plain ? k : m, ldb = layout_b == plain ? n : k;
    if (batch == 1) return gemm(layout_a, layout_b, m, n, k, a, lda, b, ldb, c, n, false);
    parallel_for(batch, [=](int64_t i) {
        gemm_block(layout_a, layout_b, m, n, k, a + i * m * k, lda, b + i * k * n, ldb, c + i * m * n, n, false);
    });
}

// ---- one of the two, or kernels

void product(Layout layout_a, Layout layout_b, int64_t batch, int64_t m, int64_t n, int64_t k, const Tensor& a,
             const Tensor& b, const Tensor& c) {
    on_device_of(
        "matmul", a,
        [&]<class T>(T) { product(layout_a, layout_b, batch, m, n, k, a.data<T>(), b.data<T>(), c.data<T>()); },
        [&]<class T>(T) {
            cuda::gemm_batched(layout_a, layout_b, batch, m, n, k, a.device_data<T>(), b.device_data<T>(),
                               c.device_data<T>());
        });
}

// ---- autograd node

struct MatmulNode final : Node {
    Tensor a, b;  // [..., M, K], [..., K, N]

    std::string_view name() const override { return "matmul"; }
    std::vector<Saved> saved() const override { return {{"a", a}, {"b", b}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const int64_t M = a.shape()[-2], K = a.shape()[-1], N = b.shape()[-1];
        const int64_t batch = matrices(a.shape());
        const Tensor da = needs_input_grad[0] ? a.empty_like(a.shape()) : Tensor();
        const Tensor db = needs_input_grad[1] ? b.empty_like(b.shape()) : Tensor();
        // forward: y = a b, so:
        if (needs_input_grad[0]) product(plain, transposed, batch, M, K, N, dy, b, da);
        if (needs_input_grad[1]) product(transposed, plain, batch, K, N, M, a, dy, db);
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

    const int64_t M = left[-2], K = left[-1], N = right[-1];
    const Tensor y = a.empty_like(left.with(-1, N));
    product(plain, plain, matrices(left), M, N, K, a, b, y);
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

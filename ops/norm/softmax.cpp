// softmax(x [..., C]) -> [..., C]
//
// Turns any numbers into positive ones whose sum is 1; a larger x_c gives a larger y_c:
//
//   y_c = e^(x_c - m) / sum_k e^(x_k - m)        m = max_c x_c; any m gives the same y
//
// Backward, for one row. By the quotient rule d y_c / d x_i = y_c [c = i] - y_c y_i = y_c ([c = i] - y_i), so
//
//   dx_i = sum_c dy_c y_c ([c = i] - y_i) = y_i (dy_i - sum_c dy_c y_c)
//
// Saved: y, from which dx is computed without another exponential.
// Numerics: with the row's maximum taken off, no exponent is above 0 and the largest term is exactly 1, so the sum
// neither overflows nor vanishes. Elements of -infinity become 0; a row of nothing else has no softmax: NaN.
// Source: any text. Test: tests/norm/test_softmax.cpp.

#include "cuda/norm/softmax.h"
#include "core/scalar.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <limits>
#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void SoftmaxOp<T>::forward() const {
    parallel_rows(rows, C, [&](int64_t row) {
        const T* x_row = x + row * C;
        A largest = -std::numeric_limits<A>::infinity(), sum = 0;
#pragma omp simd reduction(max : largest)
        for (int64_t c = 0; c < C; ++c) largest = A(x_row[c]) > largest ? A(x_row[c]) : largest;
        thread_local std::vector<A> e;  // a thread keeps it from row to row
        e.resize(C);
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < C; ++c) sum += e[c] = fast_exp(x_row[c] - largest);
        const A inverse = 1 / sum;
        for (int64_t c = 0; c < C; ++c) y[row * C + c] = e[c] * inverse;
    });
}

// ---- backward

template <class T>
void SoftmaxOp<T>::backward() const {
    parallel_rows(rows, C, [&](int64_t row) {
        const T *y_row = y + row * C, *dy_row = dy + row * C;
        // forward: y = softmax(x), so:
        A dy_y = 0;
#pragma omp simd reduction(+ : dy_y)
        for (int64_t c = 0; c < C; ++c) dy_y += dy_row[c] * y_row[c];
        for (int64_t c = 0; c < C; ++c) dx[row * C + c] = y_row[c] * (dy_row[c] - dy_y);
    });
}

// ---- autograd node

namespace {

struct SoftmaxNode final : Node {
    Tensor y;  // [..., C]

    std::string_view name() const override { return "softmax"; }
    std::vector<Saved> saved() const override { return {{"y", y}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = y.empty_like(y.shape());
        run_backward(name(), y, [&]<class T>(T) {
            SoftmaxOp<T> op{.rows = y.shape().rows(), .C = y.shape()[-1]};
            op.y = ptr(y), op.dy = ptr(dy), op.dx = ptr(dx);
            return op;
        });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor softmax(const Tensor& x) {
    check(x.shape().rank() >= 1, "[softmax] x must be [..., C], got {}", x.shape());
    const Tensor y = x.empty_like(x.shape());
    run_forward("softmax", x, [&]<class T>(T) {
        SoftmaxOp<T> op{.rows = x.shape().rows(), .C = x.shape()[-1]};
        op.x = ptr(x), op.y = ptr(y);
        return op;
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<SoftmaxNode>();
    node->y = y;
    return record(std::move(node), {x}, y);
}

// ---- gradient check

const DeclareGradientCase softmax_case{{
    "softmax",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random)};
    },
    [](const std::vector<Tensor>& in) { return softmax(in[0]); },
}};

}  // namespace swingrad

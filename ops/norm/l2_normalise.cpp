// l2_normalise(x [..., C]) -> [..., C]
//
//   norm = sqrt(sum_c x_c^2)        y_c = x_c / max(norm, eps)
//
// Backward, for one row. Where norm >= eps, y = x / norm and d norm / d x_i = x_i / norm = y_i, so
//
//   d y_c / d x_i = [c = i] / norm - x_c y_i / norm^2 = ([c = i] - y_c y_i) / norm
//   dx_i = (dy_i - y_i sum_c dy_c y_c) / norm
//
// Where norm < eps the divisor is a constant, and dx_i = dy_i / eps: the same line, with eps for norm and 0 for the
// sum. A row of zeros is such a row; its y is 0 and its gradient finite.
//
// Saved: x and one number a row, norm; y is made again by one multiplication.
// Numerics: a float's square vanishes below 1e-23 and overflows above 1e19; activations are nowhere near.
// Source: the definition is torch.nn.functional.normalize's. Test: tests/norm/test_l2_normalise.cpp.

#include "cuda/norm/l2_normalise.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {

// ---- forward

template <class T>
void L2NormaliseOp<T>::forward() const {
    using std::sqrt;
    parallel_rows(rows, C, [&](int64_t row) {
        const T* x_row = x + row * C;
        A squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < C; ++c) squares += x_row[c] * x_row[c];
        norm[row] = sqrt(squares);
        const A inverse = 1 / (norm[row] < A(eps) ? A(eps) : norm[row]);
        for (int64_t c = 0; c < C; ++c) y[row * C + c] = x_row[c] * inverse;
    });
}

// ---- backward

template <class T>
void L2NormaliseOp<T>::backward() const {
    parallel_rows(rows, C, [&](int64_t row) {
        const T *x_row = x + row * C, *dy_row = dy + row * C;
        const bool is_short = norm[row] < A(eps);
        const A inverse = 1 / (is_short ? A(eps) : norm[row]);
        // forward: y = x inverse(x), so:
        A dy_y = 0;
#pragma omp simd reduction(+ : dy_y)
        for (int64_t c = 0; c < C; ++c) dy_y += dy_row[c] * (x_row[c] * inverse);
        if (is_short) dy_y = 0;  // the divisor is a constant
        for (int64_t c = 0; c < C; ++c) dx[row * C + c] = inverse * (dy_row[c] - x_row[c] * inverse * dy_y);
    });
}

// ---- autograd node

namespace {

struct L2NormaliseNode final : Node {
    Tensor x;     // [..., C]
    Tensor norm;  // [rows]
    double eps = 0;

    std::string_view name() const override { return "l2_normalise"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"norm", norm}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape());
        run_backward(name(), x, [&]<class T>(T) {
            L2NormaliseOp<T> op{.rows = x.shape().rows(), .C = x.shape()[-1], .eps = eps};
            op.x = ptr(x), op.norm = ptr(norm), op.dy = ptr(dy), op.dx = ptr(dx);
            return op;
        });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor l2_normalise(const Tensor& x, double eps) {
    check(x.shape().rank() >= 1, "[l2_normalise] x must be [..., C], got {}", x.shape());
    check(eps > 0, "[l2_normalise] eps must be positive, got {}", eps);
    const int64_t rows = x.shape().rows(), C = x.shape()[-1];
    const Tensor y = x.empty_like(x.shape()), norm = Tensor::empty({rows}, acc_dtype(x.dtype()), x.device());
    run_forward("l2_normalise", x, [&]<class T>(T) {
        L2NormaliseOp<T> op{.rows = rows, .C = C, .eps = eps};
        op.x = ptr(x), op.y = ptr(y), op.norm = ptr(norm);
        return op;
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<L2NormaliseNode>();
    node->x = x.detached();
    node->norm = norm;
    node->eps = eps;
    return record(std::move(node), {x}, y);
}

// ---- gradient checks

const DeclareGradientCase l2_normalise_case{{
    "l2_normalise",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random)};
    },
    [](const std::vector<Tensor>& in) { return l2_normalise(in[0]); },
}};
const DeclareGradientCase below_eps_case{{
    "l2_normalise/below_eps",
    [](Random random) -> std::vector<Tensor> {
        // Two rows far above eps, one far below, one of zeros.
        const Tensor x = random_tensor({4, 5}, random);
        const Tensor small = x.slice(1, 2);
        for (double& value : small.span<double>()) value *= 0.01;
        x.slice(3, 4).fill_zero();
        return {x};
    },
    [](const std::vector<Tensor>& in) { return l2_normalise(in[0], 0.3); },
}};

}  // namespace swingrad

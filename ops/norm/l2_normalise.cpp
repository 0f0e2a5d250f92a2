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
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// ---- CPU forward

template <class T>
void forward(int64_t rows, int64_t C, const T* x, acc_type<T> eps, T* y, acc_type<T>* norms) {
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x_row = x + row * C;
            acc_type<T> squares = 0;
#pragma omp simd reduction(+ : squares)
            for (int64_t c = 0; c < C; ++c) squares += widen(x_row[c]) * widen(x_row[c]);
            const acc_type<T> norm = std::sqrt(squares);
            const acc_type<T> inverse = 1 / (norm < eps ? eps : norm);
            for (int64_t c = 0; c < C; ++c) y[row * C + c] = narrow<T>(widen(x_row[c]) * inverse);
            norms[row] = norm;
        }
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t rows, int64_t C, const T* x, const acc_type<T>* norms, acc_type<T> eps, const T* dy, T* dx) {
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *x_row = x + row * C, *dy_row = dy + row * C;
            const bool constant = norms[row] < eps;
            const acc_type<T> inverse = 1 / (constant ? eps : norms[row]);
            // forward: y = x inverse(x), so:
            acc_type<T> dy_y = 0;
#pragma omp simd reduction(+ : dy_y)
            for (int64_t c = 0; c < C; ++c) dy_y += widen(dy_row[c]) * (widen(x_row[c]) * inverse);
            if (constant) dy_y = 0;
            for (int64_t c = 0; c < C; ++c)
                dx[row * C + c] = narrow<T>(inverse * (widen(dy_row[c]) - widen(x_row[c]) * inverse * dy_y));
        }
    });
}

// ---- autograd node

struct L2NormaliseNode final : Node {
    Tensor x;      // [..., C]
    Tensor norms;  // [rows]
    double eps = 0;

    std::string_view name() const override { return "l2_normalise"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"norm", norms}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t rows = x.shape().rows(), C = x.shape()[-1];
        Tensor dx = x.empty_like(x.shape());
        on_device_of(
            "l2_normalise", x,
            [&]<class T>(T) {
                swingrad::backward(rows, C, x.data<T>(), norms.data<acc_type<T>>(), static_cast<acc_type<T>>(eps), dy.data<T>(),
                                   dx.data<T>());
            },
            [&]<class T>(T) {
                cuda::l2_normalise_backward(rows, C, x.device_data<T>(), norms.device_data<acc_type<T>>(), eps,
                                            dy.device_data<T>(), dx.device_data<T>());
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
    Tensor y = x.empty_like(x.shape()), norms = Tensor::empty({rows}, acc_dtype(x.dtype()), x.device());
    on_device_of(
        "l2_normalise", x,
        [&]<class T>(T) { forward(rows, C, x.data<T>(), static_cast<acc_type<T>>(eps), y.data<T>(), norms.data<acc_type<T>>()); },
        [&]<class T>(T) {
            cuda::l2_normalise_forward(rows, C, x.device_data<T>(), eps, y.device_data<T>(),
                                       norms.device_data<acc_type<T>>());
        });
    if (!recording({x})) return y;
    auto node = std::make_unique<L2NormaliseNode>();
    node->x = x.detached();
    node->norms = norms;
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

// softmax(x [..., C]) -> [..., C]
//
// Any numbers to positive ones whose sum is 1, the larger the more:
//
//   y_c = e^(x_c - m) / sum_k e^(x_k - m)        m = max_c x_c; any m gives the same y
//
// Backward, for one row. By the quotient rule d y_c / d x_i = y_c [c = i] - y_c y_i = y_c ([c = i] - y_i), so
//
//   dx_i = sum_c dy_c y_c ([c = i] - y_i) = y_i (dy_i - sum_c dy_c y_c)
//
// Saved: y, of which the slope is made without another exponential.
// Numerics: with the row's maximum taken off, no exponent is above 0 and the largest term is exactly 1, so the sum
// neither overflows nor vanishes. Elements of -infinity become 0; a row of nothing else has no softmax: NaN.
// Source: any text. Test: tests/norm/test_softmax.cpp.

#include "cuda/norm/softmax.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/scalar.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <limits>

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// ---- CPU forward

template <class T>
void forward(int64_t rows, int64_t C, const T* x, T* y) {
    using W = acc_type<T>;
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        std::vector<W> memory(static_cast<size_t>(C));
        W* const e = memory.data();  // e^(x - largest)
        for (int64_t row = begin; row < end; ++row) {
            const T* x_row = x + row * C;
            W largest = -std::numeric_limits<W>::infinity(), sum = 0;
#pragma omp simd reduction(max : largest)
            for (int64_t c = 0; c < C; ++c) largest = widen(x_row[c]) > largest ? widen(x_row[c]) : largest;
#pragma omp simd reduction(+ : sum)
            for (int64_t c = 0; c < C; ++c) sum += e[c] = fast_exp(widen(x_row[c]) - largest);
            const W inverse = 1 / sum;
            for (int64_t c = 0; c < C; ++c) y[row * C + c] = narrow<T>(e[c] * inverse);
        }
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dx) {
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *y_row = y + row * C, *dy_row = dy + row * C;
            acc_type<T> dy_y = 0;
#pragma omp simd reduction(+ : dy_y)
            for (int64_t c = 0; c < C; ++c) dy_y += widen(dy_row[c]) * widen(y_row[c]);
            for (int64_t c = 0; c < C; ++c) dx[row * C + c] = narrow<T>(widen(y_row[c]) * (widen(dy_row[c]) - dy_y));
        }
    });
}

// ---- autograd node

struct SoftmaxNode final : Node {
    Tensor y;  // [..., C]

    std::string_view name() const override { return "softmax"; }
    std::vector<Saved> saved() const override { return {{"y", y}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t rows = y.shape().rows(), C = y.shape()[-1];
        Tensor dx = y.empty_like(y.shape());
        on_device_of(
            "softmax", y, [&]<class T>(T) { swingrad::backward(rows, C, y.data<T>(), dy.data<T>(), dx.data<T>()); },
            [&]<class T>(T) {
                cuda::softmax_backward(rows, C, y.device_data<T>(), dy.device_data<T>(), dx.device_data<T>());
            });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor softmax(const Tensor& x) {
    check(x.shape().rank() >= 1, "[softmax] x must be [..., C], got {}", x.shape());
    const int64_t rows = x.shape().rows(), C = x.shape()[-1];
    Tensor y = x.empty_like(x.shape());
    on_device_of(
        "softmax", x, [&]<class T>(T) { forward(rows, C, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) { cuda::softmax_forward(rows, C, x.device_data<T>(), y.device_data<T>()); });
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

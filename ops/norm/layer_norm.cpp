// layer_norm(x [..., C], weight [C], bias [C]) -> [..., C]
//
// Each row, the C numbers of a token, is brought to mean 0 and variance 1, then scaled and moved by learnt numbers. So
// the input of the next layer has one size, however large the numbers grow in a deep network. eps keeps the result of a
// constant row finite.
//
//   mean = sum_c x_c / C          var = sum_c (x_c - mean)^2 / C        rstd = 1 / sqrt(var + eps)
//   x_hat_c = (x_c - mean) rstd   y_c = weight_c x_hat_c + bias_c
//
// Backward, for one row. Let g_c = dy_c weight_c, the gradient of x_hat. x_hat depends on x_i directly, through
// the mean and through rstd ([c = i] is 1 where c is i, else 0):
//
//   d mean / d x_i = 1/C          d var / d x_i = 2 (x_i - mean) / C       (by way of the mean: sum_c (x_c - mean) = 0)
//   d rstd / d x_i = -(rstd^3 / 2) (d var / d x_i) = -rstd^3 (x_i - mean) / C = -rstd^2 x_hat_i / C
//   d x_hat_c / d x_i = rstd ([c = i] - 1/C) + (x_c - mean) d rstd / d x_i
//                     = rstd ([c = i] - 1/C - x_hat_c x_hat_i / C)
//
// Summed against g, with g_mean = sum_c g_c / C and g_x_hat_mean = sum_c g_c x_hat_c / C:
//
//   dx_i = rstd (g_i - g_mean - x_hat_i g_x_hat_mean)
//   dweight_c = sum_rows dy_c x_hat_c        dbias_c = sum_rows dy_c
//
// Saved: x, weight and two numbers a row (mean, rstd). x_hat is computed again: that takes one multiplication for each
// element, and to keep it would take C numbers a row.
// Numerics: the variance is the mean of squared differences. E[x^2] - mean^2 would cancel where |mean| >> spread.
// Source: Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450. Test: tests/norm/test_layer_norm.cpp.

#include "cuda/norm/layer_norm.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {

// ---- forward

template <class T>
void LayerNormOp<T>::forward() const {
    using std::sqrt;
    parallel_rows(rows, C, [&](int64_t row) {
        const T* x_row = x + row * C;
        A sum = 0, squares = 0;
        for (int64_t c = 0; c < C; ++c) sum += x_row[c];
        const A m = sum / A(C);
        for (int64_t c = 0; c < C; ++c) squares += (x_row[c] - m) * (x_row[c] - m);
        const A r = 1 / sqrt(squares / A(C) + A(eps));
        for (int64_t c = 0; c < C; ++c) y[row * C + c] = weight[c] * ((x_row[c] - m) * r) + bias[c];
        mean[row] = m;
        rstd[row] = r;
    });
}

// ---- backward

template <class T>
void LayerNormOp<T>::backward() const {
    for (int64_t c = 0; c < C; ++c) dweight[c] = dbias[c] = 0;
    for (int64_t row = 0; row < rows; ++row) {
        const T *x_row = x + row * C, *dy_row = dy + row * C;
        // forward: y = weight x_hat + bias, so:
        A g_sum = 0, g_x_hat_sum = 0;
        for (int64_t c = 0; c < C; ++c) {
            const A x_hat = (x_row[c] - mean[row]) * rstd[row], g = dy_row[c] * weight[c];
            dweight[c] += dy_row[c] * x_hat;
            dbias[c] += dy_row[c];
            g_sum += g;
            g_x_hat_sum += g * x_hat;
        }
        // forward: x_hat = (x - mean(x)) rstd(x), so:
        const A g_mean = g_sum / A(C), g_x_hat_mean = g_x_hat_sum / A(C);
        for (int64_t c = 0; c < C; ++c) {
            const A x_hat = (x_row[c] - mean[row]) * rstd[row], g = dy_row[c] * weight[c];
            dx[row * C + c] = rstd[row] * (g - g_mean - x_hat * g_x_hat_mean);
        }
    }
}

SWINGRAD_PLAIN_LOOPS(LayerNormOp);  // these loops for residual_norm too

// ---- autograd node

namespace {

struct LayerNormNode final : Node {
    Tensor x, weight;   // [..., C], [C]
    Tensor mean, rstd;  // [rows]

    std::string_view name() const override { return "layer_norm"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"weight", weight}, {"mean", mean}, {"rstd", rstd}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape()), dweight = gradient_memory(1, weight),
                     dbias = gradient_memory(2, weight);
        run_backward(name(), x, [&]<class T>(T) {
            LayerNormOp<T> op{.rows = x.shape().rows(), .C = x.shape()[-1]};
            op.x = ptr(x), op.weight = ptr(weight), op.mean = ptr(mean), op.rstd = ptr(rstd), op.dy = ptr(dy);
            op.dx = ptr(dx), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
    check(x.shape().rank() >= 1, "[layer_norm] x must be [..., C], got {}", x.shape());
    const int64_t rows = x.shape().rows(), C = x.shape()[-1];
    check(weight.shape() == Shape{C}, "[layer_norm] weight must be [{}], got {}", C, weight.shape());
    check(bias.shape() == Shape{C}, "[layer_norm] bias must be [{}], got {}", C, bias.shape());
    check_one_device("layer_norm", {{"x", x}, {"weight", weight}, {"bias", bias}});

    const Tensor y = x.empty_like(x.shape()), mean = weight.empty_like({rows}), rstd = weight.empty_like({rows});
    run_forward("layer_norm", x, [&]<class T>(T) {
        LayerNormOp<T> op{.rows = rows, .C = C, .eps = eps};
        op.x = ptr(x), op.weight = ptr(weight), op.bias = ptr(bias);
        op.y = ptr(y), op.mean = ptr(mean), op.rstd = ptr(rstd);
        return op;
    });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<LayerNormNode>();
    node->x = x.detached();
    node->weight = weight.detached();
    node->mean = mean;
    node->rstd = rstd;
    return record(std::move(node), {x, weight, bias}, y);
}

// ---- gradient check

const DeclareGradientCase layer_norm_case{{
    "layer_norm",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({5}, random.split(1)),
                random_tensor({5}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) { return layer_norm(in[0], in[1], in[2]); },
}};

}  // namespace swingrad

// layer_norm(x [..., C], weight [C], bias [C]) -> [..., C]
//
// Each row, the C numbers of a token, is brought to mean 0 and variance 1, then scaled and moved by learnt numbers. So
// what a layer is given has one size however large the numbers grow in a deep network. eps keeps a constant row finite.
//
//   mean = sum_c x_c / C          var = sum_c (x_c - mean)^2 / C        rstd = 1 / sqrt(var + eps)
//   x_hat_c = (x_c - mean) rstd   y_c = weight_c x_hat_c + bias_c
//
// Backward, for one row. Let g_c = dy_c weight_c, the gradient of x_hat. x_hat depends on x_i directly, through
// the mean and through rstd ([c = i] is 1 where c is i, else 0):
//
//   d mean / d x_i = 1/C          d var / d x_i = 2 (x_i - mean) / C       (by way of the mean: sum_c (x_c - mean) = 0)
//   d rstd / d x_i = -rstd^3 / 2 d var / d x_i = -rstd^3 (x_i - mean) / C = -rstd^2 x_hat_i / C
//   d x_hat_c / d x_i = rstd ([c = i] - 1/C) + (x_c - mean) d rstd / d x_i
//                     = rstd ([c = i] - 1/C - x_hat_c x_hat_i / C)
//
// Summed against g, with g_mean = sum_c g_c / C and g_x_hat_mean = sum_c g_c x_hat_c / C:
//
//   dx_i = rstd (g_i - g_mean - x_hat_i g_x_hat_mean)
//   dweight_c = sum_rows dy_c x_hat_c        dbias_c = sum_rows dy_c
//
// Saved: x, weight and two numbers a row (mean, rstd); x_hat costs one multiplication to make again and C numbers a
// row to keep.
// Numerics: the variance is the mean of squared differences. E[x^2] - mean^2 would cancel where |mean| >> spread.
// Source: Ba, Kiros, Hinton, "Layer normalization", arXiv 1607.06450. Test: tests/test_layer_norm.cpp.

#include "cuda/layer_norm.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/layer_norm_row.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// ---- CPU forward (a row's arithmetic is in ops/layer_norm_row.h)

template <class T>
void forward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* bias, double eps, T* y,
             Wide<T>* means, Wide<T>* rstds) {
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x_row = x + row * C;
            T* y_row = y + row * C;
            const auto of = row_statistics(C, x_row, static_cast<Wide<T>>(eps));
            along_row<Wide<T>>(C, [&](auto& numbers, int64_t c) {
                std::remove_reference_t<decltype(numbers)> gain, shift;
                load_vector(numbers, x_row + c);
                load_vector(gain, weight + c);
                load_vector(shift, bias + c);
                store_vector(gain * ((numbers - of.mean) * of.rstd) + shift, y_row + c);
            });
            means[row] = of.mean;
            rstds[row] = of.rstd;
        }
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t rows, int64_t C, const T* x, const Wide<T>* weight, const Wide<T>* means, const Wide<T>* rstds,
              const T* dy, T* dx, Wide<T>* dweight, Wide<T>* dbias) {
    using W = Wide<T>;
    sum_by_groups<W>(sum_groups(rows), rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) {
                         for (int64_t row = begin; row < end; ++row)
                             row_backward<T>(C, x + row * C, {means[row], rstds[row]}, weight, dy + row * C, W(1),
                                             dx + row * C, sums, sums + C);
                     },
                     {{dweight, C}, {dbias, C}});
}

// ---- autograd node

struct LayerNormNode final : Node {
    Tensor x, weight;     // [..., C], [C]
    Tensor means, rstds;  // [rows]

    std::string_view name() const override { return "layer_norm"; }
    std::vector<Saved> saved() const override {
        return {{"x", x}, {"weight", weight}, {"mean", means}, {"rstd", rstds}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
        const int64_t rows = x.shape().rows(), C = x.shape()[-1];
        const Tensor dx = x.empty_like(x.shape()), dweight = weight.empty_like({C}), dbias = weight.empty_like({C});
        on_device_of(
            "layer_norm", x,
            [&]<class T>(T) {
                using W = Wide<T>;
                swingrad::backward(rows, C, x.data<T>(), weight.data<W>(), means.data<W>(), rstds.data<W>(),
                                   dy.data<T>(), dx.data<T>(), dweight.data<W>(), dbias.data<W>());
            },
            [&]<class T>(T) {
                using W = Wide<T>;
                cuda::layer_norm_backward(rows, C, x.device_data<T>(), weight.device_data<W>(), means.device_data<W>(),
                                          rstds.device_data<W>(), dy.device_data<T>(), dx.device_data<T>(),
                                          dweight.device_data<W>(), dbias.device_data<W>());
            });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
    check(x.shape().rank() >= 1, "[layer_norm] x must be [..., C], got {}", x.shape());
    const int64_t C = x.shape()[-1];
    check(weight.shape() == Shape{C}, "[layer_norm] weight must be [{}], got {}", C, weight.shape());
    check(bias.shape() == Shape{C}, "[layer_norm] bias must be [{}], got {}", C, bias.shape());

    check_one_device("layer_norm", {{"x", x}, {"weight", weight}, {"bias", bias}});

    const int64_t rows = x.shape().rows();
    const Tensor y = x.empty_like(x.shape()), means = weight.empty_like({rows}), rstds = weight.empty_like({rows});
    on_device_of(
        "layer_norm", x,
        [&]<class T>(T) {
            using W = Wide<T>;
            forward(rows, C, x.data<T>(), weight.data<W>(), bias.data<W>(), eps, y.data<T>(), means.data<W>(),
                    rstds.data<W>());
        },
        [&]<class T>(T) {
            using W = Wide<T>;
            cuda::layer_norm_forward(rows, C, x.device_data<T>(), weight.device_data<W>(), bias.device_data<W>(), eps,
                                     y.device_data<T>(), means.device_data<W>(), rstds.device_data<W>());
        });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<LayerNormNode>();
    node->x = x.detached();
    node->weight = weight.detached();
    node->means = means;
    node->rstds = rstds;
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

// residual_norm(x [B, ..., C], y [B, ..., C], weight [C], bias [C], keep [B] or none) -> [B, ..., C]
//
//   out = x + keep_b layer_norm(y; weight, bias)
//
// The residual connection of Swin V2 ("res-post-norm": the branch's result y is normalised, then added to the stream x)
// with drop path in one pass: keep_b is 0 where sample b's branch is dropped, 1/(1 - rate) elsewhere, 1 if there is
// none.
//
// Backward: the sum passes dout to both sides; the branch gets it times keep_b, then goes back through the norm:
//
//   dx = dout        dy, dweight, dbias = those of layer_norm (ops/layer_norm.cpp) for the gradient keep_b dout
//
// Saved: y, weight, keep, and two numbers a row. x is not needed.
// Fused from: add(x, drop_path(layer_norm(y, weight, bias), keep)), which the test compares with.
// Source: arXiv 2111.09883 section 3.2. Test: tests/test_residual_norm.cpp.

#include "cuda/residual_norm.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/layer_norm_row.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// Rows of C numbers in a sample of [B, ..., C].
int64_t rows_a_sample(const Shape& shape) { return shape[0] > 0 ? shape.rows() / shape[0] : 1; }

// ---- CPU forward. keep may be null; a sample has rows / B rows.

template <class T>
void forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const Wide<T>* weight,
             const Wide<T>* bias, const Wide<T>* keep, double eps, T* out, Wide<T>* means, Wide<T>* rstds) {
    using W = Wide<T>;
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *x_row = x + row * C, *y_row = y + row * C;
            T* out_row = out + row * C;
            const W keep_b = keep ? keep[row / sample_rows] : W(1);
            const auto of = row_statistics(C, y_row, static_cast<W>(eps));
            along_row<W>(C, [&](auto& numbers, int64_t c) {
                std::remove_reference_t<decltype(numbers)> gain, shift, before;
                load_vector(numbers, y_row + c);
                load_vector(gain, weight + c);
                load_vector(shift, bias + c);
                load_vector(before, x_row + c);
                store_vector(before + keep_b * (gain * ((numbers - of.mean) * of.rstd) + shift), out_row + c);
            });
            means[row] = of.mean;
            rstds[row] = of.rstd;
        }
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const Wide<T>* weight, const Wide<T>* keep,
              const Wide<T>* means, const Wide<T>* rstds, const T* dout, T* dy, Wide<T>* dweight, Wide<T>* dbias) {
    using W = Wide<T>;
    sum_by_groups<W>(sum_groups(rows), rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) {
                         for (int64_t row = begin; row < end; ++row) {
                             const W keep_b = keep ? keep[row / sample_rows] : W(1);
                             row_backward<T>(C, y + row * C, {means[row], rstds[row]}, weight, dout + row * C, keep_b,
                                             dy + row * C, sums, sums + C);
                         }
                     },
                     {{dweight, C}, {dbias, C}});
}

// ---- autograd node

struct ResidualNormNode final : Node {
    Tensor y, weight, keep;  // [B, ..., C], [C], [B] or undefined
    Tensor means, rstds;     // [rows]

    std::string_view name() const override { return "residual_norm"; }
    std::vector<Saved> saved() const override {
        return {{"y", y}, {"weight", weight}, {"keep", keep}, {"mean", means}, {"rstd", rstds}};
    }

    std::vector<Tensor> backward(const Tensor& dout, const Needs&) override {
        const int64_t C = y.shape()[-1], rows = y.shape().rows();
        const int64_t sample_rows = rows_a_sample(y.shape());
        const Tensor dy = y.empty_like(y.shape()), dweight = weight.empty_like({C}), dbias = weight.empty_like({C});
        on_device_of(
            "residual_norm", y,
            [&]<class T>(T) {
                using W = Wide<T>;
                swingrad::backward(rows, sample_rows, C, y.data<T>(), weight.data<W>(), data_or_null<W>(keep),
                                   means.data<W>(), rstds.data<W>(), dout.data<T>(), dy.data<T>(), dweight.data<W>(),
                                   dbias.data<W>());
            },
            [&]<class T>(T) {
                using W = Wide<T>;
                cuda::residual_norm_backward(rows, sample_rows, C, y.device_data<T>(), weight.device_data<W>(),
                                             device_data_or_null<W>(keep), means.device_data<W>(),
                                             rstds.device_data<W>(), dout.device_data<T>(), dy.device_data<T>(),
                                             dweight.device_data<W>(), dbias.device_data<W>());
            });
        return {dout, dy, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor residual_norm(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias, const Tensor& keep,
                     double eps) {
    check(x.shape().rank() >= 2 && x.shape() == y.shape(),
          "[residual_norm] x and y must have one shape [B, ..., C], got {} and {}", x.shape(), y.shape());
    const int64_t B = x.shape()[0], C = x.shape()[-1], rows = x.shape().rows();
    check(weight.shape() == Shape{C}, "[residual_norm] weight must be [{}], got {}", C, weight.shape());
    check(bias.shape() == Shape{C}, "[residual_norm] bias must be [{}], got {}", C, bias.shape());
    check(!keep.defined() || keep.shape() == Shape{B}, "[residual_norm] keep must be [{}], got {}", B, keep.shape());
    refuse_gradient("residual_norm: keep", {keep});

    check_one_device("residual_norm", {{"x", x}, {"y", y}, {"weight", weight}, {"bias", bias}, {"keep", keep}});

    const int64_t sample_rows = rows_a_sample(x.shape());
    const Tensor out = x.empty_like(x.shape()), means = weight.empty_like({rows}), rstds = weight.empty_like({rows});
    on_device_of(
        "residual_norm", x,
        [&]<class T>(T) {
            using W = Wide<T>;
            forward(rows, sample_rows, C, x.data<T>(), y.data<T>(), weight.data<W>(), bias.data<W>(),
                    data_or_null<W>(keep), eps, out.data<T>(), means.data<W>(), rstds.data<W>());
        },
        [&]<class T>(T) {
            using W = Wide<T>;
            cuda::residual_norm_forward(rows, sample_rows, C, x.device_data<T>(), y.device_data<T>(),
                                        weight.device_data<W>(), bias.device_data<W>(), device_data_or_null<W>(keep),
                                        eps, out.device_data<T>(), means.device_data<W>(), rstds.device_data<W>());
        });
    if (!recording({x, y, weight, bias})) return out;
    auto node = std::make_unique<ResidualNormNode>();
    node->y = y.detached();
    node->weight = weight.detached();
    node->keep = keep;
    node->means = means;
    node->rstds = rstds;
    return record(std::move(node), {x, y, weight, bias}, out);
}

// ---- gradient check: one sample kept, one dropped, one without drop path

const DeclareGradientCase residual_norm_case{{
    "residual_norm",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 2, 5}, random.split(0)), random_tensor({3, 2, 5}, random.split(1)),
                random_tensor({5}, random.split(2)), random_tensor({5}, random.split(3))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor keep = Tensor::from({3}, std::vector<double>{1.25, 0, 1}).on(in[0].device());
        return residual_norm(in[0], in[1], in[2], in[3], keep);
    },
}};

}  // namespace swingrad

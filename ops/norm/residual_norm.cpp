// residual_norm(x [B, ..., C], y [B or K, ..., C], weight [C], bias [C], keep [B] or none) -> [B, ..., C]
//
//   out = x + keep_b layer_norm(y; weight, bias)
//
// The residual connection of Swin V2 ("res-post-norm": the branch's result y is normalised, then added to the stream x)
// with drop path in one pass: keep_b is 0 where sample b's branch is dropped, 1/(1 - rate) elsewhere, 1 if there is
// none. y may have the K samples with keep_b != 0 alone (ops/regularise/select_kept.cpp).
//
// Backward: the sum passes dout to both sides; the branch gets it times keep_b, then goes back through the norm:
//
//   dx = dout        dy, dweight, dbias = those of layer_norm (ops/norm/layer_norm.cpp) for the gradient keep_b dout
//
// Saved: y, weight, keep, and two numbers a row. x is not needed.
// Fused from: add(x, drop_path(layer_norm(y, weight, bias), keep)), with restore_dropped around y where it has K
// samples, which the test compares with.
// Source: arXiv 2111.09883 section 3.2. Test: tests/norm/test_residual_norm.cpp.

#include "cuda/norm/residual_norm.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/regularise/kept_samples.h"
#include "ops/norm/layer_norm_row.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

constexpr int64_t rows_a_piece = 64;

// Rows of C numbers in a sample of [B, ..., C].
int64_t rows_a_sample(const Shape& shape) { return shape[0] > 0 ? shape.rows() / shape[0] : 1; }

// Which samples of x the branch's result y has.
KeptSamples samples_of(const Tensor& y, const Tensor& x, const Tensor& keep) {
    return y.shape() == x.shape() ? KeptSamples(x.shape()[0]) : KeptSamples(keep);
}

// ---- CPU forward. keep may be null; a sample has sample_rows rows, and sample b's are y's sample place[b].

template <class T>
void forward(int64_t rows, int64_t sample_rows, int64_t C, const T* x, const T* y, const int64_t* place,
             const acc_type<T>* weight, const acc_type<T>* bias, const acc_type<T>* keep, double eps, T* out, acc_type<T>* means,
             acc_type<T>* rstds) {
    using W = acc_type<T>;
    parallel_chunks(rows, rows_a_piece, [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t b = row / sample_rows;
            const T* x_row = x + row * C;
            T* out_row = out + row * C;
            if (place[b] < 0) {
                std::copy_n(x_row, C, out_row);
                continue;
            }
            const int64_t y_at = place[b] * sample_rows + row % sample_rows;
            const T* y_row = y + y_at * C;
            const W keep_b = keep ? keep[b] : W(1);
            const auto of = row_statistics(C, y_row, static_cast<W>(eps));
            along_row<W>(C, [&](auto& numbers, int64_t c) {
                std::remove_reference_t<decltype(numbers)> gain, shift, before;
                load_vector(numbers, y_row + c);
                load_vector(gain, weight + c);
                load_vector(shift, bias + c);
                load_vector(before, x_row + c);
                store_vector(before + keep_b * (gain * ((numbers - of.mean) * of.rstd) + shift), out_row + c);
            });
            means[y_at] = of.mean;
            rstds[y_at] = of.rstd;
        }
    });
}

// ---- CPU backward. rows: y's; its sample k is sample[k] of x.

template <class T>
void backward(int64_t rows, int64_t sample_rows, int64_t C, const T* y, const int64_t* sample, const acc_type<T>* weight,
              const acc_type<T>* keep, const acc_type<T>* means, const acc_type<T>* rstds, const T* dout, T* dy, acc_type<T>* dweight,
              acc_type<T>* dbias) {
    using W = acc_type<T>;
    sum_by_groups<W>(sum_groups(rows), rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) {
                         for (int64_t row = begin; row < end; ++row) {
                             const int64_t b = sample[row / sample_rows], x_at = b * sample_rows + row % sample_rows;
                             const W keep_b = keep ? keep[b] : W(1);
                             row_backward<T>(C, y + row * C, {means[row], rstds[row]}, weight, dout + x_at * C, keep_b,
                                             dy + row * C, sums, sums + C);
                         }
                     },
                     {{dweight, C}, {dbias, C}});
}

// ---- autograd node

struct ResidualNormNode final : Node {
    Tensor y, weight, keep;  // [B or K, ..., C], [C], [B] or undefined
    Tensor means, rstds;     // [rows of y]

    std::string_view name() const override { return "residual_norm"; }
    std::vector<Saved> saved() const override {
        return {{"y", y}, {"weight", weight}, {"keep", keep}, {"mean", means}, {"rstd", rstds}};
    }

    std::vector<Tensor> backward(const Tensor& dout, const NeedsInputGrad&) override {
        const int64_t C = y.shape()[-1], rows = y.shape().rows();
        const int64_t sample_rows = rows_a_sample(y.shape());
        const Tensor dy = y.empty_like(y.shape()), dweight = weight.empty_like({C}), dbias = weight.empty_like({C});
        on_device_of(
            "residual_norm", y,
            [&]<class T>(T) {
                using W = acc_type<T>;
                swingrad::backward(rows, sample_rows, C, y.data<T>(), samples_of(y, dout, keep).sample.data(),
                                   weight.data<W>(), data_or_null<W>(keep), means.data<W>(), rstds.data<W>(),
                                   dout.data<T>(), dy.data<T>(), dweight.data<W>(), dbias.data<W>());
            },
            [&]<class T>(T) {
                using W = acc_type<T>;
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
    check(x.shape().rank() >= 2 && y.shape().rank() >= 2 && x.shape() == y.shape().with(0, x.shape()[0]),
          "[residual_norm] x and y must have one shape [B, ..., C], got {} and {}", x.shape(), y.shape());
    const int64_t B = x.shape()[0], C = x.shape()[-1], rows = x.shape().rows();
    check(weight.shape() == Shape{C}, "[residual_norm] weight must be [{}], got {}", C, weight.shape());
    check(bias.shape() == Shape{C}, "[residual_norm] bias must be [{}], got {}", C, bias.shape());
    check(!keep.defined() || keep.shape() == Shape{B}, "[residual_norm] keep must be [{}], got {}", B, keep.shape());
    refuse_gradient("residual_norm: keep", {keep});

    check_one_device("residual_norm", {{"x", x}, {"y", y}, {"weight", weight}, {"bias", bias}, {"keep", keep}});

    if (y.shape() != x.shape()) {
        const int64_t K = keep.defined() ? KeptSamples(keep).count() : B;
        check(y.shape()[0] == K, "[residual_norm] y must have all {} samples of x or the {} that are kept, got {}", B,
              K, y.shape());
        if (y.device() != Device::cpu) return residual_norm(x, restore_dropped(y, keep), weight, bias, keep, eps);
    }

    const int64_t sample_rows = rows_a_sample(x.shape()), y_rows = y.shape().rows();
    const Tensor out = x.empty_like(x.shape());
    const Tensor means = weight.empty_like({y_rows}), rstds = weight.empty_like({y_rows});
    on_device_of(
        "residual_norm", x,
        [&]<class T>(T) {
            using W = acc_type<T>;
            forward(rows, sample_rows, C, x.data<T>(), y.data<T>(), samples_of(y, x, keep).place.data(),
                    weight.data<W>(), bias.data<W>(), data_or_null<W>(keep), eps, out.data<T>(), means.data<W>(),
                    rstds.data<W>());
        },
        [&]<class T>(T) {
            using W = acc_type<T>;
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

// ---- gradient checks: one sample kept, one dropped, one without drop path; y of all samples or of those kept

namespace {

std::vector<Tensor> case_inputs(Random random, int64_t samples_of_y) {
    return {random_tensor({3, 2, 5}, random.split(0)), random_tensor({samples_of_y, 2, 5}, random.split(1)),
            random_tensor({5}, random.split(2)), random_tensor({5}, random.split(3))};
}
Tensor case_result(const std::vector<Tensor>& in) {
    const Tensor keep = Tensor::from({3}, std::vector<double>{1.25, 0, 1}).on(in[0].device());
    return residual_norm(in[0], in[1], in[2], in[3], keep);
}

}  // namespace

const DeclareGradientCase residual_norm_case{
    {"residual_norm", [](Random random) { return case_inputs(random, 3); }, case_result}};
const DeclareGradientCase residual_norm_kept_case{
    {"residual_norm/kept", [](Random random) { return case_inputs(random, 2); }, case_result}};

}  // namespace swingrad

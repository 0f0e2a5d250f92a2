// batch_norm(x [..., C], weight [C], bias [C], running_mean [C], running_var [C], training) -> [..., C]
//
// Each channel is brought to mean 0 and variance 1 over all R rows of a batch, then scaled and moved by learnt numbers.
// An image's result so depends on the others of its batch, which is unwanted once training is over: then the running
// statistics take the place of the batch's. They are buffers, which training changes in place and no gradient reaches;
// var R / (R - 1) estimates the variance of all images from that of a batch without bias:
//
//   mean_c = sum_r x_rc / R        var_c = sum_r (x_rc - mean_c)^2 / R        rstd_c = 1 / sqrt(var_c + eps)
//   x_hat_rc = (x_rc - mean_c) rstd_c        y_rc = weight_c x_hat_rc + bias_c
//   running_mean += momentum (mean - running_mean)        running_var += momentum (var R / (R - 1) - running_var)
//
// Backward. With its mean over rows in place of that over channels, x_hat is layer_norm's (ops/norm/layer_norm.cpp),
// and so is its derivative, d x_hat_rc / d x_ic = rstd_c ([r = i] - 1/R - x_hat_rc x_hat_ic / R). Against dy weight:
//
//   dweight_c = sum_r dy_rc x_hat_rc        dbias_c = sum_r dy_rc
//   dx_ic = weight_c rstd_c (dy_ic - dbias_c / R - x_hat_ic dweight_c / R), or by constants: weight_c rstd_c dy_ic
//
// Saved: x, weight, mean and rstd, for running statistics may have changed until backward. Where forward is computed
// again for it (autograd/checkpoint.h), they change twice.
// Numerics: R is large, 10^5 as a rule, so statistics are summed in double; the variance is the mean of squared
// differences, since E[x^2] - mean^2 would cancel.
// Source: Ioffe, Szegedy, "Batch normalization", arXiv 1502.03167; the conventions are
// torch.nn.functional.batch_norm's. Test: tests/norm/test_batch_norm.cpp.

#include "cuda/norm/batch_norm.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void BatchNormOp<T>::forward() const {
    std::vector<L> means(C), squares(C);
    for (int64_t row = 0; training && row < rows; ++row)
        for (int64_t c = 0; c < C; ++c) means[c] += static_cast<L>(widen(x[row * C + c])) / static_cast<L>(rows);
    for (int64_t row = 0; training && row < rows; ++row)
        for (int64_t c = 0; c < C; ++c) {
            const L difference = static_cast<L>(widen(x[row * C + c])) - means[c];
            squares[c] += difference * difference;
        }
    for (int64_t c = 0; c < C; ++c)
        if (training) take_statistics(c, means[c], squares[c]);
        else take_running_statistics(c);
    parallel_rows(rows, C, [&](int64_t row) {
        for (int64_t c = 0; c < C; ++c) y[row * C + c] = weight[c] * ((x[row * C + c] - mean[c]) * rstd[c]) + bias[c];
    });
}

// ---- backward

template <class T>
void BatchNormOp<T>::backward() const {
    std::vector<L> dweight_sum(C), dbias_sum(C);
    // forward: y = weight x_hat + bias, so:
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t c = 0; c < C; ++c) {
            const A x_hat = (x[row * C + c] - mean[c]) * rstd[c];
            dweight_sum[c] += dy[row * C + c] * x_hat;
            dbias_sum[c] += dy[row * C + c];
        }
    for (int64_t c = 0; c < C; ++c) dweight[c] = A(dweight_sum[c]), dbias[c] = A(dbias_sum[c]);
    // forward: x_hat = (x - mean(x)) rstd(x), or with constants in their place, so:
    parallel_rows(rows, C, [&](int64_t row) {
        for (int64_t c = 0; c < C; ++c) {
            const A x_hat = (x[row * C + c] - mean[c]) * rstd[c];
            dx[row * C + c] = weight[c] * rstd[c] * (dy[row * C + c] - share(dbias, c) - x_hat * share(dweight, c));
        }
    });
}

// ---- autograd node

namespace {

struct BatchNormNode final : Node {
    bool training;
    Tensor x, weight, mean, rstd;  // x [..., C], the others [C]

    std::string_view name() const override { return "batch_norm"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"weight", weight}, {"mean", mean}, {"rstd", rstd}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = x.empty_like(x.shape()), dweight = gradient_memory(1, weight),
                     dbias = gradient_memory(2, weight);
        run_backward(name(), x, [&]<class T>(T) {
            BatchNormOp<T> op{.rows = x.shape().rows(), .C = x.shape()[-1], .training = training};
            op.x = ptr(x), op.weight = ptr(weight), op.mean = ptr(mean), op.rstd = ptr(rstd), op.dy = ptr(dy);
            op.dx = ptr(dx), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum, double eps) {
    check(x.shape().rank() >= 1, "[batch_norm] x must be [..., C], got {}", x.shape());
    const int64_t rows = x.shape().rows(), C = x.shape()[-1];
    const bool running = running_mean.defined();
    check(running == running_var.defined() && (training || running),
          "[batch_norm] running_mean and running_var go together, and only training can do without");
    const std::initializer_list<Operand> of_channels{
        {"weight", weight}, {"bias", bias}, {"running_mean", running_mean}, {"running_var", running_var}};
    for (const auto& [name, tensor] : of_channels) {
        const bool left_out = !running && name.starts_with("running");
        check(left_out || tensor.shape() == Shape{C}, "[batch_norm] {} must be [{}], got {}", name, C, tensor.shape());
        check_one_device("batch_norm", {{"x", x}, {name, tensor}});
    }
    check(!training || rows > 1, "[batch_norm] training needs more than one row for a variance, x is {}", x.shape());

    const Tensor y = x.empty_like(x.shape()), mean = weight.empty_like({C}), rstd = weight.empty_like({C});
    run_forward("batch_norm", x, [&]<class T>(T) {
        BatchNormOp<T> op{.rows = rows, .C = C, .training = training, .momentum = momentum, .eps = eps};
        op.running_mean = ptr(running_mean), op.running_var = ptr(running_var), op.bias = ptr(bias), op.y = ptr(y);
        op.x = ptr(x), op.weight = ptr(weight), op.mean = ptr(mean), op.rstd = ptr(rstd);
        return op;
    });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<BatchNormNode>();
    node->training = training;
    node->x = x.detached(), node->weight = weight.detached(), node->mean = mean, node->rstd = rstd;
    return record(std::move(node), {x, weight, bias}, y);
}

// ---- gradient checks: by the batch's statistics, and by constants

static GradientCase case_of(const char* name, bool training) {
    const auto inputs = [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({5}, random.split(1)),
                random_tensor({5}, random.split(2))};
    };
    return {name, inputs, [=](const std::vector<Tensor>& in) {
                const Tensor mean = constant_like(in[0], {5}, {0.5, -1, 0, 2, 0.25}),
                             var = constant_like(in[0], {5}, {1, 0.5, 2, 4, 0.3});
                return batch_norm(in[0], in[1], in[2], mean, var, training);
            }};
}
const DeclareGradientCase batch_norm_case{case_of("batch_norm", true)};
const DeclareGradientCase running_case{case_of("batch_norm/running", false)};

}  // namespace swingrad

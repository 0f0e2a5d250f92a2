// linear(x [..., I], weight [O, I], bias [O] or undefined) -> [..., O]
//
//   y_ro = bias_o + sum_i x_ri weight_oi           in matrices: y = x weight^T + bias, a row r for
//                                                  each index of the leading axes
//
// Backward. y_ro depends on x_ri through weight_oi, on weight_oi through x_ri and on bias_o directly, hence
//
//   dx_ri = sum_o dy_ro weight_oi                  dx = dy weight
//   dweight_oi = sum_r dy_ro x_ri                  dweight = dy^T x
//   dbias_o = sum_r dy_ro                          column sums of dy
//
// Saved: x and weight, nothing new.
// Passes over memory: the bias is what the sums of the product begin as (multiply_by_weight, core/gemm/gemm.h). dbias is
// summed in the pieces of dx, while their rows of dy are in the cache.
// On a device a library's product adds the bias on its way out (cuda/runtime/gemm.h), and dbias is a sum of its own.
// Source: the product every text has; the conventions are torch.nn.Linear's. Test: tests/linear/test_linear.cpp.

#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/gemm/packed_operand.h"
#include "core/threads.h"
#include "cuda/runtime/gemm.h"
#include "cuda/toolkit/sums.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// ---- CPU backward

// `dx` or `dbias` may be null: not asked for. Both in one pass, while a piece of dy is in the cache.
template <class T>
void backward_rows(int64_t rows, int64_t I, int64_t O, const T* weight, const T* dy, T* dx, acc_type<T>* dbias) {
    std::vector<SumTarget<acc_type<T>>> targets;
    if (dbias) targets.push_back({dbias, O});
    const int64_t width = dbias ? O : 0;
    const PackedOperand<T> packed(plain, I, dx ? O : 0, weight, I);
    sum_by_groups<acc_type<T>>(
        sum_groups(rows), rows, width,
        [&](int64_t group_begin, int64_t group_end, acc_type<T>* dbias_sum) {
            for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                const int64_t count = std::min(gemm_rows, group_end - begin);
                const T* dy_piece = dy + begin * O;
                if (dx) multiply(plain, count, dy_piece, O, packed, dx + begin * I, I);
                if (dbias) add_column_sums(count, O, dy_piece, dbias_sum);
            }
        },
        targets);
}

// ---- autograd node

struct LinearNode final : Node {
    Tensor x, weight;  // [..., I], [O, I]

    std::string_view name() const override { return "linear"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"weight", weight}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const int64_t rows = x.shape().rows(), I = weight.shape()[1], O = weight.shape()[0];
        const Tensor dx = needs_input_grad[0] ? x.empty_like(x.shape()) : Tensor();
        const Tensor dweight = needs_input_grad[1] ? weight.empty_like({O, I}) : Tensor();
        const Tensor dbias = needs_input_grad[2] ? Tensor::empty({O}, acc_dtype(x.dtype()), x.device()) : Tensor();
        // forward: y = x weight^T + bias, so:
        on_device_of(
            "linear", x,
            [&]<class T>(T) {
                if (needs_input_grad[0] || needs_input_grad[2])
                    backward_rows(rows, I, O, weight.data<T>(), dy.data<T>(), data_or_null<T>(dx),
                                  data_or_null<acc_type<T>>(dbias));
                if (needs_input_grad[1])
                    gemm(transposed, plain, O, I, rows, dy.data<T>(), O, x.data<T>(), I, dweight.data<T>(), I, false);
            },
            [&]<class T>(T) {
                if (needs_input_grad[0])
                    cuda::gemm(plain, plain, rows, I, O, dy.device_data<T>(), O, weight.device_data<T>(), I,
                               dx.device_data<T>(), I, false);
                if (needs_input_grad[1])
                    cuda::gemm(transposed, plain, O, I, rows, dy.device_data<T>(), O, x.device_data<T>(), I,
                               dweight.device_data<T>(), I, false);
                if (needs_input_grad[2]) cuda::column_sums(rows, O, dy.device_data<T>(), dbias.device_data<acc_type<T>>());
            });
        return {dx, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    check(weight.shape().rank() == 2, "[linear] weight must be [O, I], got {}", weight.shape());
    const int64_t O = weight.shape()[0], I = weight.shape()[1];
    check(O > 0 && I > 0, "[linear] weight must have elements, got {}", weight.shape());
    check(x.shape().rank() >= 1 && x.shape()[-1] == I, "[linear] x must be [..., {}] for a weight {}, got {}", I,
          weight.shape(), x.shape());
    check(!bias.defined() || bias.shape() == Shape{O}, "[linear] bias must be [{}], got {}", O, bias.shape());

    check_one_device("linear", {{"x", x}, {"weight", weight}, {"bias", bias}});

    const int64_t rows = x.shape().rows();
    const Tensor y = x.empty_like(x.shape().with(-1, O));
    on_device_of(
        "linear", x,
        [&]<class T>(T) {
            multiply_by_weight(rows, I, O, x.data<T>(), weight.data<T>(), data_or_null<acc_type<T>>(bias), y.data<T>());
        },
        [&]<class T>(T) {
            cuda::gemm_bias(rows, O, I, x.device_data<T>(), weight.device_data<T>(), device_data_or_null<acc_type<T>>(bias),
                            y.device_data<T>());
        });
    if (!recording({x, weight, bias})) return y;
    auto node = std::make_unique<LinearNode>();
    node->x = x.detached();
    node->weight = weight.detached();
    return record(std::move(node), {x, weight, bias}, y);
}

// ---- gradient check

const DeclareGradientCase linear_case{{
    "linear",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5}, random.split(0)), random_tensor({4, 5}, random.split(1)),
                random_tensor({4}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); },
}};

const DeclareGradientCase linear_no_bias_case{{
    "linear/no_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({3, 2}, random.split(0)), random_tensor({5, 2}, random.split(1))};
    },
    [](const std::vector<Tensor>& in) { return linear(in[0], in[1]); },
}};

}  // namespace swingrad

// mlp(x [..., C], weight1 [U, C], bias1 [U], weight2 [O, U], bias2 [O]) -> [..., O]
//
//   a = x weight1^T + bias1        g = gelu(a)        y = g weight2^T + bias2
//
// The feed-forward half of a transformer block: each row by itself through one hidden layer. (MLP, "multilayer
// perceptron", is the field's name for that.) It is one operation because g, four times as wide as x, is needed only
// between two products: it is made for gemm_rows rows at a time, in scratch memory that stays in the cache, and made
// again in backward.
//
// Backward, for a piece of rows, with the products of ops/linear/linear.cpp and gelu' of core/scalar.h:
//
//   dg = dy weight2         da = dg gelu'(a)       dx = da weight1
//   dweight2 += dy^T g      dbias2 += sum dy       dweight1 += da^T x      dbias1 += sum da
//
// On a device the products are a library's (cuda/runtime/gemm.h), so a, g, dg and da go through memory: what lies between two
// products is one pass over them.
//
// Saved: x, a and the weights. Fused from: linear(gelu(linear(x, weight1, bias1)), weight2, bias2), which the test
// compares with.
// Source: Vaswani et al., "Attention is all you need", arXiv 1706.03762, section 3.3, with gelu for relu.
// Test: tests/linear/test_mlp.cpp.

#include "cuda/linear/mlp.h"
#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/gemm/packed_operand.h"
#include "core/scalar.h"
#include "core/simd.h"
#include "core/threads.h"
#include "cuda/runtime/gemm.h"
#include "cuda/toolkit/sums.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

#include <algorithm>
#include <type_traits>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// Where g is bfloat16, gelu is computed to that.
template <class T>
using CpuGelu = std::conditional_t<std::is_same_v<T, bfloat16>, GeluForBfloat16, Gelu>;

// ---- CPU forward. a [rows, U] is where the first product goes; null where nobody will want it again.

template <class T>
void forward(int64_t rows, int64_t C, int64_t U, int64_t O, const T* x, const T* weight1, const acc_type<T>* bias1,
             const T* weight2, const acc_type<T>* bias2, T* a, T* y) {
    using W = acc_type<T>;
    const auto gelu = [](int64_t count, const T* from, T* to) {
        along_row<W>(count, [&](auto& number, int64_t i) {
            load_vector(number, from + i);
            store_vector(CpuGelu<T>::value(number), to + i);
        });
    };
    if (few_rows(rows)) {  // all rows at once: g is small, and the weights are what must not leave the cache
        const Tensor scratch = Tensor::empty({rows, U}, dtype_of<T>());
        T* g = scratch.data<T>();
        if (!a) a = g;
        multiply_by_weight(rows, C, U, x, weight1, bias1, a);
        parallel_chunks(rows * U, 1 << 14,
                        [&](int64_t begin, int64_t end) { gelu(end - begin, a + begin, g + begin); });
        multiply_by_weight(rows, U, O, g, weight2, bias2, y);
        return;
    }
    const PackedOperand<T> weight1_t(transposed, U, C, weight1, C), weight2_t(transposed, O, U, weight2, U);
    parallel_chunks(rows, rows_a_piece(rows), [&](int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        const Tensor scratch = Tensor::empty({count, U}, dtype_of<T>());
        T *g = scratch.data<T>(), *a_piece = a ? a + begin * U : g, *y_piece = y + begin * O;
        multiply(plain, count, x + begin * C, C, weight1_t, a_piece, U, InitialValue<W>::row(bias1));
        gelu(count * U, a_piece, g);
        multiply(plain, count, g, U, weight2_t, y_piece, O, InitialValue<W>::row(bias2));
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t rows, int64_t C, int64_t U, int64_t O, const T* x, const T* a, const T* weight1, const T* weight2,
              const T* dy, T* dx, T* dweight1, acc_type<T>* dbias1, T* dweight2, acc_type<T>* dbias2) {
    using W = acc_type<T>;
    const int64_t width = U * C + U + O * U + O;
    const PackedOperand<T> packed1(plain, C, U, weight1, C), packed2(plain, U, O, weight2, U);
    sum_by_groups<W>(
        groups_of_weights(rows, C), rows, width,
        [&](int64_t group_begin, int64_t group_end, W* sums) {
            W *dweight1_sum = sums, *dweight2_sum = dweight1_sum + U * C, *dbias1_sum = dweight2_sum + O * U,
              *dbias2_sum = dbias1_sum + U;
            const Tensor scratch = Tensor::empty({2, gemm_rows, U}, dtype_of<T>());
            T *g = scratch.data<T>(), *da = g + gemm_rows * U;
            for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                const int64_t count = std::min(gemm_rows, group_end - begin);
                const bool adds = begin > group_begin;
                const T *x_piece = x + begin * C, *a_piece = a + begin * U, *dy_piece = dy + begin * O;
                // forward: y = g weight2^T + bias2, so (da holds dg until gelu's slope is known):
                multiply(plain, count, dy_piece, O, packed2, da, U);
                // forward: g = gelu(a), so:
                along_row<W>(count * U, [&](auto& number, int64_t i) {
                    std::remove_reference_t<decltype(number)> value, slope, arrived;
                    load_vector(number, a_piece + i);
                    load_vector(arrived, da + i);
                    CpuGelu<T>::value_and_slope(number, value, slope);
                    store_vector(value, g + i);
                    store_vector(arrived * slope, da + i);
                });
                gemm_block(transposed, plain, O, U, count, dy_piece, O, g, U, dweight2_sum, U, adds);
                add_column_sums(count, O, dy_piece, dbias2_sum);
                // forward: a = x weight1^T + bias1, so:
                multiply(plain, count, da, U, packed1, dx + begin * C, C);
                gemm_block(transposed, plain, U, C, count, da, U, x_piece, C, dweight1_sum, C, adds);
                add_column_sums(count, U, da, dbias1_sum);
            }
        },
        {{dweight1, U * C}, {dweight2, O * U}, {dbias1, U}, {dbias2, O}}, U * C + O * U);
}

// ---- the device's, both. a: as above

template <class T>
void forward_on_device(int64_t rows, int64_t C, int64_t U, int64_t O, const T* x, const T* weight1,
                       const acc_type<T>* bias1, const T* weight2, const acc_type<T>* bias2, T* a, T* y) {
    const Tensor scratch = Tensor::empty({rows, U}, dtype_of<T>(), Device::cuda);
    T* g = scratch.device_data<T>();
    if (!a) a = g;
    cuda::gemm_bias(rows, U, C, x, weight1, bias1, a);
    cuda::mlp_forward(rows * U, a, g);
    cuda::gemm_bias(rows, O, U, g, weight2, bias2, y);
}

template <class T>
void backward_on_device(int64_t rows, int64_t C, int64_t U, int64_t O, const T* x, const T* a, const T* weight1,
                        const T* weight2, const T* dy, T* dx, T* dweight1, acc_type<T>* dbias1, T* dweight2,
                        acc_type<T>* dbias2) {
    const Tensor scratch = Tensor::empty({2, rows, U}, dtype_of<T>(), Device::cuda);
    T *g = scratch.device_data<T>(), *da = g + rows * U;
    // forward: y = g weight2^T + bias2, so (da holds dg until gelu's slope is known):
    cuda::gemm(plain, plain, rows, U, O, dy, O, weight2, U, da, U, false);
    cuda::mlp_backward(rows, U, a, g, da, dbias1);
    cuda::gemm(transposed, plain, O, U, rows, dy, O, g, U, dweight2, U, false);
    cuda::column_sums(rows, O, dy, dbias2);
    // forward: a = x weight1^T + bias1, so:
    cuda::gemm(plain, plain, rows, C, U, da, U, weight1, C, dx, C, false);
    cuda::gemm(transposed, plain, U, C, rows, da, U, x, C, dweight1, C, false);
}

// ---- autograd node

struct MlpNode final : Node {
    Tensor x, a;              // [..., C], [..., U]
    Tensor weight1, weight2;  // [U, C], [O, U]

    std::string_view name() const override { return "mlp"; }
    std::vector<Saved> saved() const override {
        return {{"x", x}, {"a", a}, {"weight1", weight1}, {"weight2", weight2}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t C = x.shape()[-1], U = weight1.shape()[0], O = weight2.shape()[0];
        const int64_t rows = x.shape().rows();
        const Tensor dx = x.empty_like(x.shape());
        const Tensor dweight1 = weight1.empty_like({U, C}), dweight2 = weight2.empty_like({O, U});
        const Tensor dbias1 = Tensor::empty({U}, acc_dtype(x.dtype()), x.device()),
                     dbias2 = Tensor::empty({O}, acc_dtype(x.dtype()), x.device());
        on_device_of(
            "mlp", x,
            [&]<class T>(T) {
                using W = acc_type<T>;
                swingrad::backward(rows, C, U, O, x.data<T>(), a.data<T>(), weight1.data<T>(), weight2.data<T>(),
                                   dy.data<T>(), dx.data<T>(), dweight1.data<T>(), dbias1.data<W>(), dweight2.data<T>(),
                                   dbias2.data<W>());
            },
            [&]<class T>(T) {
                using W = acc_type<T>;
                backward_on_device(rows, C, U, O, x.device_data<T>(), a.device_data<T>(), weight1.device_data<T>(),
                                   weight2.device_data<T>(), dy.device_data<T>(), dx.device_data<T>(),
                                   dweight1.device_data<T>(), dbias1.device_data<W>(), dweight2.device_data<T>(),
                                   dbias2.device_data<W>());
            });
        return {dx, dweight1, dbias1, dweight2, dbias2};
    }
};

}  // namespace

// ---- public function

Tensor mlp(const Tensor& x, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2, const Tensor& bias2) {
    check(x.shape().rank() >= 1, "[mlp] x must be [..., C], got {}", x.shape());
    const int64_t C = x.shape()[-1];
    check(weight1.shape().rank() == 2 && weight1.shape()[1] == C, "[mlp] weight1 must be [U, {}], got {}", C,
          weight1.shape());
    const int64_t U = weight1.shape()[0];
    check(bias1.shape() == Shape{U}, "[mlp] bias1 must be [{}], got {}", U, bias1.shape());
    check(weight2.shape().rank() == 2 && weight2.shape()[1] == U, "[mlp] weight2 must be [O, {}], got {}", U,
          weight2.shape());
    const int64_t O = weight2.shape()[0];
    check(bias2.shape() == Shape{O}, "[mlp] bias2 must be [{}], got {}", O, bias2.shape());
    check(weight1.numel() > 0, "[mlp] weight1 must have elements, got {}", weight1.shape());
    check(weight2.numel() > 0, "[mlp] weight2 must have elements, got {}", weight2.shape());

    check_one_device("mlp", {{"x", x}, {"weight1", weight1}, {"bias1", bias1}, {"weight2", weight2}, {"bias2", bias2}});

    const int64_t rows = x.shape().rows();
    const bool keep = recording({x, weight1, bias1, weight2, bias2});
    const Tensor a = keep ? x.empty_like(x.shape().with(-1, U)) : Tensor();
    const Tensor y = x.empty_like(x.shape().with(-1, O));
    on_device_of(
        "mlp", x,
        [&]<class T>(T) {
            using W = acc_type<T>;
            forward(rows, C, U, O, x.data<T>(), weight1.data<T>(), bias1.data<W>(), weight2.data<T>(), bias2.data<W>(),
                    data_or_null<T>(a), y.data<T>());
        },
        [&]<class T>(T) {
            using W = acc_type<T>;
            forward_on_device(rows, C, U, O, x.device_data<T>(), weight1.device_data<T>(), bias1.device_data<W>(),
                              weight2.device_data<T>(), bias2.device_data<W>(), device_data_or_null<T>(a),
                              y.device_data<T>());
        });
    if (!keep) return y;
    auto node = std::make_unique<MlpNode>();
    node->x = x.detached();
    node->a = a;
    node->weight1 = weight1.detached();
    node->weight2 = weight2.detached();
    return record(std::move(node), {x, weight1, bias1, weight2, bias2}, y);
}

// ---- gradient check

const DeclareGradientCase mlp_case{{
    "mlp",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 4}, random.split(0)), random_tensor({7, 4}, random.split(1)),
                random_tensor({7}, random.split(2)), random_tensor({5, 7}, random.split(3)),
                random_tensor({5}, random.split(4))};
    },
    [](const std::vector<Tensor>& in) { return mlp(in[0], in[1], in[2], in[3], in[4]); },
}};

}  // namespace swingrad

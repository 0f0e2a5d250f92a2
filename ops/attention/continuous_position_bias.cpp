// continuous_position_bias(coordinates [R, 2], weight1 [U, 2], bias1 [U], weight2 [h, U]) -> table [R, h]
//
// A small network (what for: models/README.md) turns the offset between two tokens into one number a head, between 0
// and 16. The offsets are those of relative_coordinates, R = (2 Mh - 1)(2 Mw - 1) rows. Attention looks up a pair's
// offset in this table.
//
//   hidden = relu(coordinates weight1^T + bias1)         [R, U]
//   t      = hidden weight2^T                            [R, h]
//   y      = 16 sigmoid(t)
//
// Backward, from the end, with 16 sigmoid' = y (1 - y/16):
//
//   dt       = dy y (1 - y/16)
//   dweight2 = dt^T hidden           dhidden = dt weight2
//   dpre     = dhidden where hidden > 0, else 0          (at 0 exactly: 0, as in PyTorch; the centre row starts there)
//   dweight1 = dpre^T coordinates    dbias1 = column sums of dpre
//
// Saved: coordinates, weights, hidden and y: a few thousand numbers. The coordinates are constants.
// Numerics: the sum over hidden units is taken in double. A float sum of 512 terms is off by a few 1e-6, which the
// attention of a head with a large scale turns into ten times that.
// Fused from: scale(sigmoid(linear(relu(linear(coordinates, weight1, bias1)), weight2)), 16).
// Source: arXiv 2111.09883 section 3.3; the factors 8/log2(8) and 16 sigmoid are in its published code only.
// Test: tests/attention/test_continuous_position_bias.cpp.

#include "cuda/attention/continuous_position_bias.h"
#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/gemm/small_product.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// ---- CPU forward

// Of the products one has sums of two terms and the other few columns, so they are loops and a product of that size.
template <class T>
void forward(int64_t R, int64_t U, int64_t h, const T* coordinates, const T* weight1, const T* bias1, const T* weight2,
             T* hidden, T* y) {
    const int64_t width = padded_to_lanes<double>(h);
    const Tensor weight1_t = Tensor::empty({2, U}, dtype_of<T>()),
                 weight2_t = Tensor::zeros({U, width}, DType::float64);
    T *down = weight1_t.data<T>(), *across = down + U;
    for (int64_t u = 0; u < U; ++u) {
        down[u] = weight1[2 * u], across[u] = weight1[2 * u + 1];
        for (int64_t head = 0; head < h; ++head)
            weight2_t.data<double>()[u * width + head] = static_cast<double>(weight2[head * U + u]);
    }
    parallel_chunks(R, 24, [&](int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        const Tensor scratch = Tensor::empty({count, U + width}, DType::float64);
        double *wide = scratch.data<double>(), *t = wide + count * U;
        for (int64_t r = 0; r < count; ++r) {
            const T rows = coordinates[2 * (begin + r)], columns = coordinates[2 * (begin + r) + 1];
            T* hidden_row = hidden + (begin + r) * U;
#pragma omp simd
            for (int64_t u = 0; u < U; ++u)
                wide[r * U + u] = hidden_row[u] = std::max(rows * down[u] + columns * across[u] + bias1[u], T(0));
        }
        small_product(count, width, U, wide, U, int64_t{1}, weight2_t.data<double>(), width, t, width);
        for (int64_t r = 0; r < count; ++r)
            for (int64_t head = 0; head < h; ++head)
                y[(begin + r) * h + head] = static_cast<T>(16 / (1 + std::exp(-t[r * width + head])));
    });
}

// ---- CPU backward

template <class T>
void backward(int64_t R, int64_t U, int64_t h, const T* coordinates, const T* weight2, const T* hidden, const T* y,
              const T* dy, T* dweight1, T* dbias1, T* dweight2) {
    // forward: y = 16 sigmoid(t), so:
    std::vector<T> dt(static_cast<size_t>(R * h));
    for (size_t i = 0; i < dt.size(); ++i) dt[i] = dy[i] * y[i] * (1 - y[i] / 16);
    // forward: t = hidden weight2^T, so:
    gemm(transposed, plain, h, U, R, dt.data(), h, hidden, U, dweight2, U, false);
    const Tensor sums = Tensor::zeros({2, U}, dtype_of<T>()), scratch = Tensor::empty({gemm_rows, U}, dtype_of<T>());
    T *down = sums.data<T>(), *across = down + U, *dhidden = scratch.data<T>();
    std::fill_n(dbias1, U, T(0));
    for (int64_t begin = 0; begin < R; begin += gemm_rows) {
        const int64_t end = std::min(R, begin + gemm_rows);
        gemm(plain, plain, end - begin, U, h, dt.data() + begin * h, h, weight2, U, dhidden, U, false);
        // forward: hidden = relu(coordinates weight1^T + bias1), so:
        for (int64_t r = begin; r < end; ++r) {
            const T rows = coordinates[2 * r], columns = coordinates[2 * r + 1];
            const T *hidden_row = hidden + r * U, *arrived = dhidden + (r - begin) * U;
#pragma omp simd
            for (int64_t u = 0; u < U; ++u) {
                const T dpre = hidden_row[u] > 0 ? arrived[u] : 0;
                down[u] += dpre * rows;
                across[u] += dpre * columns;
                dbias1[u] += dpre;
            }
        }
    }
    for (int64_t u = 0; u < U; ++u) dweight1[2 * u] = down[u], dweight1[2 * u + 1] = across[u];
}

// ---- autograd node

struct ContinuousPositionBiasNode final : Node {
    Tensor coordinates, weight1, weight2;  // [R, 2], [U, 2], [h, U]
    Tensor hidden, y;                      // [R, U], [R, h]

    std::string_view name() const override { return "continuous_position_bias"; }
    std::vector<Saved> saved() const override {
        return {{"coordinates", coordinates}, {"weight1", weight1}, {"weight2", weight2}, {"hidden", hidden}, {"y", y}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const int64_t R = coordinates.shape()[0], U = weight1.shape()[0], h = weight2.shape()[0];
        const Tensor dweight1 = dy.empty_like({U, 2}), dbias1 = dy.empty_like({U}), dweight2 = dy.empty_like({h, U});
        on_device_of(
            "continuous_position_bias", dy,
            [&]<class T>(T) {
                using W = acc_type<T>;
                swingrad::backward(R, U, h, coordinates.data<W>(), weight2.data<W>(), hidden.data<W>(), y.data<W>(),
                                   dy.data<W>(), dweight1.data<W>(), dbias1.data<W>(), dweight2.data<W>());
            },
            [&]<class T>(T) {
                using W = acc_type<T>;
                cuda::continuous_position_bias_backward(R, U, h, coordinates.device_data<W>(), weight2.device_data<W>(),
                                                        hidden.device_data<W>(), y.device_data<W>(),
                                                        dy.device_data<W>(), dweight1.device_data<W>(),
                                                        dbias1.device_data<W>(), dweight2.device_data<W>());
            });
        return {dweight1, dbias1, dweight2};
    }
};

}  // namespace

// ---- public function

Tensor continuous_position_bias(const Tensor& coordinates, const Tensor& weight1, const Tensor& bias1,
                                const Tensor& weight2) {
    check(coordinates.shape().rank() == 2 && coordinates.shape()[1] == 2,
          "[continuous_position_bias] coordinates must be [R, 2], got {}", coordinates.shape());
    check(weight1.shape().rank() == 2 && weight1.shape()[1] == 2,
          "[continuous_position_bias] weight1 must be [U, 2], got {}", weight1.shape());
    const int64_t R = coordinates.shape()[0], U = weight1.shape()[0];
    check(bias1.shape() == Shape{U}, "[continuous_position_bias] bias1 must be [{}], got {}", U, bias1.shape());
    check(weight2.shape().rank() == 2 && weight2.shape()[1] == U,
          "[continuous_position_bias] weight2 must be [h, {}], got {}", U, weight2.shape());
    refuse_gradient("continuous_position_bias: coordinates", {coordinates});

    check_one_device("continuous_position_bias",
                     {{"coordinates", coordinates}, {"weight1", weight1}, {"bias1", bias1}, {"weight2", weight2}});

    const int64_t h = weight2.shape()[0];
    const Tensor hidden = weight1.empty_like({R, U}), y = weight1.empty_like({R, h});
    on_device_of(
        "continuous_position_bias", weight1,
        [&]<class T>(T) {
            using W = acc_type<T>;  // a table: never in bfloat16
            forward(R, U, h, coordinates.data<W>(), weight1.data<W>(), bias1.data<W>(), weight2.data<W>(),
                    hidden.data<W>(), y.data<W>());
        },
        [&]<class T>(T) {
            using W = acc_type<T>;
            cuda::continuous_position_bias_forward(R, U, h, coordinates.device_data<W>(), weight1.device_data<W>(),
                                                   bias1.device_data<W>(), weight2.device_data<W>(),
                                                   hidden.device_data<W>(), y.device_data<W>());
        });
    if (!recording({weight1, bias1, weight2})) return y;
    auto node = std::make_unique<ContinuousPositionBiasNode>();
    node->coordinates = coordinates;
    node->weight1 = weight1.detached();
    node->weight2 = weight2.detached();
    node->hidden = hidden;
    node->y = y;
    return record(std::move(node), {weight1, bias1, weight2}, y);
}

// ---- gradient check: a window that is not square

const DeclareGradientCase continuous_position_bias_case{{
    "continuous_position_bias",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({7, 2}, random.split(0)), random_tensor({7}, random.split(1)),
                random_tensor({2, 7}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) {
        const Tensor coordinates =
            relative_coordinates({2, 3}, {0, 0}, OffsetScale::log_of_window, DType::float64).on(in[0].device());
        return continuous_position_bias(coordinates, in[0], in[1], in[2]);
    },
}};

}  // namespace swingrad

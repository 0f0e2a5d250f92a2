// log_cpb(coordinates [R, 2], weight1 [U, 2], bias1 [U], weight2 [h, U], map) -> position bias [h, N, N]
//
// A small network turns the log-spaced offset between two tokens (log_coordinates, R = (2 Mh - 1)(2 Mw - 1) rows) into
// one number a head; every pair (a, b) of a window's tokens looks up its offset's row index(a, b):
//
//   hidden = relu(coordinates weight1^T + bias1)         [R, U]
//   Z      = 16 sigmoid(hidden weight2^T)                [R, h]      a bias between 0 and 16
//   y[k, a, b] = Z[index(a, b), k]
//
// Backward, from the end. Each row of Z is looked up by all pairs with its offset; 16 sigmoid' = Z (1 - Z/16):
//
//   dZ[r, k] = sum of dy[k, a, b] over the pairs with index(a, b) = r
//   dT       = dZ Z (1 - Z/16)                           (T = hidden weight2^T)
//   dweight2 = dT^T hidden           dhidden = dT weight2
//   dpre     = dhidden where hidden > 0, else 0          (at 0 exactly: 0, as in PyTorch; the centre row starts there)
//   dweight1 = dpre^T coordinates    dbias1 = column sums of dpre
//
// Saved: coordinates, weights, hidden and Z; nothing of size N x N. The coordinates are constants.
// Numerics: the sum over hidden units is taken in double. A float sum of 512 terms is off by a few 1e-6, which the
// attention of a head with a large scale turns into ten times that.
// Source: arXiv 2111.09883 section 3.3; the factors 8/log2(8) and 16 sigmoid are in its published code only.
// Test: tests/test_log_cpb.cpp.

#include "autograd/gradcheck.h"
#include "core/gemm.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// ---- CPU forward

template <class T>
void forward(int64_t R, int64_t U, int64_t h, const T* coordinates, const T* weight1, const T* bias1, const T* weight2,
             const std::vector<int32_t>& index, T* hidden, T* Z, T* y) {
    gemm(plain, transposed, R, U, 2, coordinates, 2, weight1, 2, hidden, U, false);
    for (int64_t r = 0; r < R; ++r)
        for (int64_t u = 0; u < U; ++u) hidden[r * U + u] = std::max(hidden[r * U + u] + bias1[u], T(0));
    parallel_chunks(R, 16, [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
            for (int64_t k = 0; k < h; ++k) {
                double t = 0;
#pragma omp simd reduction(+ : t)
                for (int64_t u = 0; u < U; ++u) t += static_cast<double>(hidden[r * U + u]) * weight2[k * U + u];
                Z[r * h + k] = static_cast<T>(16 / (1 + std::exp(-t)));
            }
    });
    for (int64_t k = 0; k < h; ++k)
        for (const int32_t r : index) *y++ = Z[r * h + k];
}

// ---- CPU backward

template <class T>
void backward(int64_t R, int64_t U, int64_t h, const T* coordinates, const T* weight2, const T* hidden, const T* Z,
              const std::vector<int32_t>& index, const T* dy, T* dweight1, T* dbias1, T* dweight2) {
    // forward: y[k, pair] = Z[index(pair), k], so:
    std::vector<T> dT(static_cast<size_t>(R * h));
    for (int64_t k = 0; k < h; ++k)
        for (const int32_t r : index) dT[static_cast<size_t>(r * h + k)] += *dy++;
    // forward: Z = 16 sigmoid(T), so:
    for (size_t i = 0; i < dT.size(); ++i) dT[i] *= Z[i] * (1 - Z[i] / 16);
    // forward: T = hidden weight2^T, so:
    gemm(transposed, plain, h, U, R, dT.data(), h, hidden, U, dweight2, U, false);
    std::vector<T> dpre(static_cast<size_t>(R * U));
    gemm(plain, plain, R, U, h, dT.data(), h, weight2, U, dpre.data(), U, false);
    // forward: hidden = relu(coordinates weight1^T + bias1), so:
    for (int64_t i = 0; i < R * U; ++i)
        if (!(hidden[i] > 0)) dpre[static_cast<size_t>(i)] = 0;
    gemm(transposed, plain, U, 2, R, dpre.data(), U, coordinates, 2, dweight1, 2, false);
    std::fill_n(dbias1, U, T(0));
    for (int64_t r = 0; r < R; ++r)
        for (int64_t u = 0; u < U; ++u) dbias1[u] += dpre[static_cast<size_t>(r * U + u)];
}

// ---- autograd node

struct LogCpbNode final : Node {
    Tensor coordinates, weight1, weight2;  // [R, 2], [U, 2], [h, U]
    Tensor hidden, Z;                      // [R, U], [R, h]
    WindowMap map;

    std::string_view name() const override { return "log_cpb"; }
    std::vector<Saved> saved() const override {
        return {{"coordinates", coordinates}, {"weight1", weight1}, {"weight2", weight2}, {"hidden", hidden}, {"Z", Z}};
    }

    std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
        const int64_t R = coordinates.shape()[0], U = weight1.shape()[0], h = weight2.shape()[0];
        Tensor dweight1 = Tensor::empty({U, 2}, dy.dtype()), dbias1 = Tensor::empty({U}, dy.dtype());
        Tensor dweight2 = Tensor::empty({h, U}, dy.dtype());
        dispatch_float("log_cpb", dy.dtype(), [&]<class T>(T) {
            swingrad::backward(R, U, h, coordinates.data<T>(), weight2.data<T>(), hidden.data<T>(), Z.data<T>(),
                               map->offset_index, dy.data<T>(), dweight1.data<T>(), dbias1.data<T>(),
                               dweight2.data<T>());
        });
        return {dweight1, dbias1, dweight2};
    }
};

}  // namespace

// ---- public function

Tensor log_cpb(const Tensor& coordinates, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2,
               const WindowMap& map) {
    const Extent window = map->window;
    const int64_t R = (2 * window.rows - 1) * (2 * window.columns - 1);
    check(coordinates.shape() == Shape{R, 2}, "[log_cpb] coordinates of a {} x {} window must be [{}, 2], got {}",
          window.rows, window.columns, R, coordinates.shape());
    check(weight1.shape().rank() == 2 && weight1.shape()[1] == 2, "[log_cpb] weight1 must be [U, 2], got {}",
          weight1.shape());
    const int64_t U = weight1.shape()[0];
    check(bias1.shape() == Shape{U}, "[log_cpb] bias1 must be [{}], got {}", U, bias1.shape());
    check(weight2.shape().rank() == 2 && weight2.shape()[1] == U, "[log_cpb] weight2 must be [h, {}], got {}", U,
          weight2.shape());
    refuse_gradient("log_cpb", {coordinates});

    const int64_t h = weight2.shape()[0], N = map->tokens;
    const DType dtype = weight1.dtype();
    Tensor hidden = Tensor::empty({R, U}, dtype), Z = Tensor::empty({R, h}, dtype), y = Tensor::empty({h, N, N}, dtype);
    dispatch_float("log_cpb", dtype, [&]<class T>(T) {
        forward(R, U, h, coordinates.data<T>(), weight1.data<T>(), bias1.data<T>(), weight2.data<T>(),
                map->offset_index, hidden.data<T>(), Z.data<T>(), y.data<T>());
    });
    if (!recording({weight1, bias1, weight2})) return y;
    auto node = std::make_unique<LogCpbNode>();
    node->coordinates = coordinates;
    node->weight1 = weight1.detached();
    node->weight2 = weight2.detached();
    node->hidden = hidden;
    node->Z = Z;
    node->map = map;
    return record(std::move(node), {weight1, bias1, weight2}, y);
}

// ---- gradient check: a window that is not square

const DeclareGradientCase log_cpb_case{{
    "log_cpb",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({7, 2}, random.split(0)), random_tensor({7}, random.split(1)),
                random_tensor({2, 7}, random.split(2))};
    },
    [](const std::vector<Tensor>& in) {
        const WindowMap map = make_window_map({2, 3}, {2, 3}, {0, 0});
        return log_cpb(log_coordinates({2, 3}, {0, 0}, DType::float64), in[0], in[1], in[2], map);
    },
}};

}  // namespace swingrad

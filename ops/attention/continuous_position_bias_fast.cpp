// continuous_position_bias by small products. hidden weight2^T has few columns, so weight2 is transposed and widened to
// double once, in rows padded to whole vector registers, and pieces of 24 relative positions are multiplied by it
// (small_product). hidden itself is a sum of two terms: loops along the units, which the compiler puts into vector
// registers, and so are the sums of backward, whose other products are gemm's. Mathematics and names:
// ops/attention/continuous_position_bias.cpp.

#include "core/gemm/gemm.h"
#include "core/gemm/small_product.h"
#include "core/threads.h"
#include "cuda/attention/continuous_position_bias.h"
#include "ops/operation.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

template <class T>
void forward(const ContinuousPositionBiasOp<T>& op) {
    using A = acc_type<T>;
    const int64_t U = op.U, h = op.h, width = padded_to_lanes<double>(h);
    const Tensor weight1_t = Tensor::empty({2, U}, dtype_of<A>()),
                 weight2_t = Tensor::zeros({U, width}, DType::float64);
    A *down = weight1_t.data<A>(), *across = down + U;
    for (int64_t u = 0; u < U; ++u) {
        down[u] = op.weight1[2 * u], across[u] = op.weight1[2 * u + 1];
        for (int64_t head = 0; head < h; ++head)
            weight2_t.data<double>()[u * width + head] = static_cast<double>(op.weight2[head * U + u]);
    }
    parallel_chunks(op.R, 24, [&](int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        const Tensor scratch = Tensor::empty({count, U + width}, DType::float64);
        double *wide = scratch.data<double>(), *t = wide + count * U;
        const A* bias1 = op.bias1;
        for (int64_t r = 0; r < count; ++r) {
            const A rows = op.coordinates[2 * (begin + r)], columns = op.coordinates[2 * (begin + r) + 1];
            A* hidden_row = op.hidden + (begin + r) * U;
#pragma omp simd
            for (int64_t u = 0; u < U; ++u)
                wide[r * U + u] = hidden_row[u] = std::max(rows * down[u] + columns * across[u] + bias1[u], A(0));
        }
        small_product(count, width, U, wide, U, int64_t{1}, weight2_t.data<double>(), width, t, width);
        for (int64_t r = 0; r < count; ++r)
            for (int64_t head = 0; head < h; ++head)
                op.y[(begin + r) * h + head] = static_cast<A>(16 / (1 + std::exp(-t[r * width + head])));
    });
}

template <class T>
void backward(const ContinuousPositionBiasOp<T>& op) {
    using A = acc_type<T>;
    const int64_t R = op.R, U = op.U, h = op.h;
    // forward: y = 16 sigmoid(t), so:
    std::vector<A> dt(static_cast<size_t>(R * h));
    for (size_t i = 0; i < dt.size(); ++i) dt[i] = op.dy[i] * op.y[i] * (1 - op.y[i] / 16);
    // forward: t = hidden weight2^T, so:
    gemm(transposed, plain, h, U, R, dt.data(), h, op.hidden, U, op.dweight2, U, false);
    const Tensor sums = Tensor::zeros({2, U}, dtype_of<A>()), scratch = Tensor::empty({gemm_rows, U}, dtype_of<A>());
    A *down = sums.data<A>(), *across = down + U, *dhidden = scratch.data<A>(), *dbias1 = op.dbias1;
    std::fill_n(dbias1, U, A(0));
    for (int64_t begin = 0; begin < R; begin += gemm_rows) {
        const int64_t end = std::min(R, begin + gemm_rows);
        gemm(plain, plain, end - begin, U, h, dt.data() + begin * h, h, op.weight2, U, dhidden, U, false);
        // forward: hidden = relu(coordinates weight1^T + bias1), so:
        for (int64_t r = begin; r < end; ++r) {
            const A rows = op.coordinates[2 * r], columns = op.coordinates[2 * r + 1];
            const A *hidden_row = op.hidden + r * U, *arrived = dhidden + (r - begin) * U;
#pragma omp simd
            for (int64_t u = 0; u < U; ++u) {
                const A dpre = hidden_row[u] > 0 ? arrived[u] : 0;
                down[u] += dpre * rows;
                across[u] += dpre * columns;
                dbias1[u] += dpre;
            }
        }
    }
    for (int64_t u = 0; u < U; ++u) op.dweight1[2 * u] = down[u], op.dweight1[2 * u + 1] = across[u];
}

const DeclareFastPath<ContinuousPositionBiasOp> fast{[](const auto& op) { forward(op); },
                                                     [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad

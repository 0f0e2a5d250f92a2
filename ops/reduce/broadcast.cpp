// broadcast_to(x, shape), sum_to(x, shape)
//
// Two shapes, one small and one large, aligned at their last axes:
//
//   large [8, 16, 32]
//   small    [ 1, 32]      axis 2 is kept, axis 1 is repeated (size 1), axis 0 is repeated (missing)
//
//   broadcast_to: small -> large   y_i = x_s(i)                     s(i): i with 0 for every repeated axis
//   sum_to:       large -> small   y_j = sum of x_i over s(i) = j
//
// Both are linear, and each is the transpose of the other: sum_i c_i x_s(i) = sum_j x_j sum_{i: s(i) = j} c_i. So the
// backward of each is the forward of the other, on dy, and nothing is saved but a shape.
//
// s(i) is the sum of i's indices times strides, the strides being the small tensor's and 0 for a repeated axis.
// Numerics: sums are taken in long_sum_type, double for float32, as those of sum are.
// Source: the rule is NumPy's. Test: tests/reduce/test_broadcast.cpp.

#include "cuda/reduce/broadcast.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <vector>

namespace swingrad {

// ---- forward: broadcast_to

template <class T>
void BroadcastOp<T>::forward() const {
    const int64_t C = axes.row_size();
    const bool repeated = axes.row_stride() == 0;
    const auto x_rows = axes.row_offsets();
    parallel_rows(std::ssize(x_rows), C, [&](int64_t row) {
        const T* x_row = x + x_rows[row];
        if (repeated) std::fill_n(y + row * C, C, T(x_row[0]));
        else std::copy_n(x_row, C, y + row * C);
    });
}

// ---- backward: sum_to

template <class T>
void BroadcastOp<T>::backward() const {
    // forward: y_i = x_s(i), so:
    std::vector<long_sum_type<T>> sums(static_cast<size_t>(small));
    for (int64_t i = 0; i < axes.indices(); ++i) sums[axes.offset_of(i)] += dy[i];
    for (int64_t j = 0; j < small; ++j) dx[j] = acc_type<T>(sums[j]);
}

// ---- autograd nodes

namespace {

bool repeats_to(const Shape& small, const Shape& large) { return broadcast(small, large) == large; }

Tensor repeated(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x.view(shape);  // the same memory, as reshape
    const Tensor y = x.empty_like(shape);
    run_forward("broadcast_to", x, [&]<class T>(T) {
        return BroadcastOp<T>{
            .axes = cuda::Axes::repeated(x.shape(), shape), .small = x.numel(), .x = ptr(x), .y = ptr(y)};
    });
    return y;
}

Tensor summed(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x.view(shape);
    const Tensor y = x.empty_like(shape);
    run_backward("sum_to", x, [&]<class T>(T) {
        return BroadcastOp<T>{
            .axes = cuda::Axes::repeated(shape, x.shape()), .small = y.numel(), .dy = ptr(x), .dx = ptr(y)};
    });
    return y;
}

struct BroadcastNode final : Node {
    Shape x_shape;

    std::string_view name() const override { return "broadcast_to"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {summed(dy, x_shape)}; }
};

struct SumToNode final : Node {
    Shape x_shape;

    std::string_view name() const override { return "sum_to"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {repeated(dy, x_shape)}; }
};

}  // namespace

// ---- public functions

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
    check(repeats_to(x.shape(), shape),
          "[broadcast_to] cannot repeat {} to {}: axes must be equal, 1 or missing in front", x.shape(), shape);
    auto node = std::make_unique<BroadcastNode>();
    node->x_shape = x.shape();
    return record(std::move(node), {x}, repeated(x, shape));
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
    check(repeats_to(shape, x.shape()), "[sum_to] cannot sum {} to {}: axes must be equal, 1 or missing in front",
          x.shape(), shape);
    auto node = std::make_unique<SumToNode>();
    node->x_shape = x.shape();
    return record(std::move(node), {x}, summed(x, shape));
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs small(Random random) { return {random_tensor({2, 1, 3}, random)}; }
Inputs small_last(Random random) { return {random_tensor({2, 3, 1}, random)}; }
Inputs large(Random random) { return {random_tensor({2, 3, 2, 5}, random)}; }
Inputs large_last(Random random) { return {random_tensor({2, 3, 4}, random)}; }
Tensor to_large(const Inputs& in) { return broadcast_to(in[0], {4, 2, 5, 3}); }
Tensor to_large_last(const Inputs& in) { return broadcast_to(in[0], {2, 3, 4}); }
Tensor to_small(const Inputs& in) { return sum_to(in[0], {3, 1, 5}); }
Tensor to_small_last(const Inputs& in) { return sum_to(in[0], {3, 1}); }
const DeclareGradientCase broadcast_case{{"broadcast/broadcast_to", small, to_large}};
const DeclareGradientCase broadcast_last_case{{"broadcast/broadcast_to/last", small_last, to_large_last}};
const DeclareGradientCase sum_case{{"broadcast/sum_to", large, to_small}};
const DeclareGradientCase sum_last_case{{"broadcast/sum_to/last", large_last, to_small_last}};

}  // namespace
}  // namespace swingrad

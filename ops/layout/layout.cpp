// reshape(x, shape), permute(x, axes), rows(x, begin, end): the same elements elsewhere
//
//   reshape   y is x's memory under another shape              dx = dy under x's shape
//   permute   y[i_0, i_1, ...] = x[j], j_axes[k] = i_k         dx = dy permuted by the inverse of `axes`
//   rows      y is x's memory from row `begin` to row `end`    dx = dy there, 0 in the rows left out
//
// reshape and rows move nothing: y is a handle on x's memory. That is safe because nothing that is recorded is ever
// written to afterwards; the tape adds gradients in place only where nobody else can see them.
// Saved: shapes and numbers only. Source: the names are NumPy's and PyTorch's. Test: tests/layout/test_layout.cpp.

#include "cuda/layout/layout.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "ops/strides.h"

#include <fmt/ranges.h>

namespace swingrad {
namespace {

constexpr int64_t elements_a_piece = 1 << 14;

// ---- CPU: permute forward, and backward with the inverse

// y is written row after row; where a row's elements lie in x is a first offset, looked up, and a step.
template <class T>
void permuted(const std::vector<int64_t>& y_sizes, const std::vector<int64_t>& x_strides, const T* x, T* y) {
    const int64_t C = y_sizes.back(), step = x_strides.back();
    const auto firsts = offsets({y_sizes.begin(), y_sizes.end() - 1}, x_strides);
    const int64_t rows_a_piece = std::max<int64_t>(1, elements_a_piece / std::max<int64_t>(1, C));
    parallel_chunks(static_cast<int64_t>(firsts.size()), rows_a_piece, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x_row = x + firsts[static_cast<size_t>(row)];
            T* y_row = y + row * C;
            if (step == 1) std::copy_n(x_row, C, y_row);
            else
                for (int64_t c = 0; c < C; ++c) y_row[c] = x_row[c * step];
        }
    });
}

Tensor permuted(const Tensor& x, const std::vector<int>& axes) {
    const auto x_strides = strides_of({x.shape().begin(), x.shape().end()});
    std::vector<int64_t> y_sizes, strides;
    for (const int axis : axes) {
        y_sizes.push_back(x.shape()[axis]);
        strides.push_back(x_strides[static_cast<size_t>(axis)]);
    }
    Tensor y = x.empty_like(Shape(y_sizes));
    if (axes.empty()) y_sizes = {1}, strides = {1};
    on_device_of(
        "permute", x, [&]<class T>(T) { permuted(y_sizes, strides, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) { cuda::gather(axes_of(y_sizes, strides), x.device_data<T>(), y.device_data<T>()); });
    return y;
}

// ---- autograd nodes

struct ReshapeNode final : Node {
    Shape x_shape;

    std::string_view name() const override { return "reshape"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override { return {dy.view(x_shape)}; }
};

struct PermuteNode final : Node {
    std::vector<int> axes;

    std::string_view name() const override { return "permute"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        // forward: y's axis i is x's axis axes[i], so x's axis axes[i] is y's axis i:
        std::vector<int> inverse(axes.size());
        for (size_t i = 0; i < axes.size(); ++i) inverse[static_cast<size_t>(axes[i])] = static_cast<int>(i);
        return {permuted(dy, inverse)};
    }
};

struct RowsNode final : Node {
    Shape x_shape;
    int64_t begin = 0, end = 0;

    std::string_view name() const override { return "rows"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        Tensor dx = dy.empty_like(x_shape);
        dx.slice(0, begin).fill_zero();
        dx.slice(begin, end).copy_from(dy);
        dx.slice(end, x_shape[0]).fill_zero();
        return {dx};
    }
};

}  // namespace

// ---- public functions

Tensor reshape(const Tensor& x, const Shape& shape) {
    check(shape.numel() == x.numel(), "[reshape] {} has {} elements, {} has {}", x.shape(), x.numel(), shape,
          shape.numel());
    auto node = std::make_unique<ReshapeNode>();
    node->x_shape = x.shape();
    return record(std::move(node), {x}, x.view(shape));
}

Tensor permute(const Tensor& x, const std::vector<int>& axes) {
    std::vector<int> sorted = axes;
    std::sort(sorted.begin(), sorted.end());
    bool each_once = static_cast<int>(sorted.size()) == x.shape().rank();
    for (size_t i = 0; each_once && i < sorted.size(); ++i) each_once = sorted[i] == static_cast<int>(i);
    check(each_once, "[permute] axes of {} must be 0 to {}, each once, got {}", x.shape(), x.shape().rank() - 1,
          fmt::format("[{}]", fmt::join(axes, ", ")));
    auto node = std::make_unique<PermuteNode>();
    node->axes = axes;
    return record(std::move(node), {x}, permuted(x, axes));
}

Tensor rows(const Tensor& x, int64_t begin, int64_t end) {
    check(x.shape().rank() > 0 && 0 <= begin && begin <= end && end <= x.shape()[0],
          "[rows] {} to {} are not rows of {}", begin, end, x.shape());
    auto node = std::make_unique<RowsNode>();
    node->x_shape = x.shape();
    node->begin = begin;
    node->end = end;
    return record(std::move(node), {x}, x.slice(begin, end));
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs input(Random random) { return {random_tensor({4, 2, 3}, random)}; }
const DeclareGradientCase reshape_case{{"layout/reshape", input, [](const Inputs& in) {
                                            return reshape(in[0], {3, 8});
                                        }}};
const DeclareGradientCase permute_case{{"layout/permute", input, [](const Inputs& in) {
                                            return permute(in[0], {2, 0, 1});
                                        }}};
const DeclareGradientCase permute_leading_case{{"layout/permute/leading", input, [](const Inputs& in) {
                                                    return permute(in[0], {1, 0, 2});
                                                }}};
const DeclareGradientCase rows_case{{"layout/rows", input, [](const Inputs& in) { return rows(in[0], 1, 3); }}};

}  // namespace
}  // namespace swingrad

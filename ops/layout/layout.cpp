// reshape(x, shape), permute(x, axes): the same elements elsewhere
//
//   reshape   y is x's memory under another shape              dx = dy under x's shape
//   permute   y[i_0, i_1, ...] = x[j], j_axes[k] = i_k         dx = dy permuted by the inverse of `axes`
//
// reshape moves nothing: y is a handle on x's memory. That is safe because nothing that is recorded is ever written to
// afterwards; the tape adds gradients in place only where no other part can see them.
// Saved: shapes and numbers only. Source: the names are NumPy's and PyTorch's. Test: tests/layout/test_layout.cpp.

#include "cuda/layout/layout.h"

#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace swingrad {

// ---- forward of permute, and with the inverse its backward

template <class T>
void PermuteOp<T>::forward() const {
    const int64_t C = axes.row_size(), step = axes.row_stride();
    const auto x_rows = axes.row_offsets();
    parallel_rows(std::ssize(x_rows), C, [&](int64_t row) {
        const T* x_row = x + x_rows[row];
        T* y_row = y + row * C;
        if (step == 1) std::copy_n(x_row, C, y_row);
        else
            for (int64_t c = 0; c < C; ++c) y_row[c] = x_row[c * step];
    });
}

// ---- autograd nodes

namespace {

Tensor permuted(const Tensor& x, const std::vector<int>& axes) {
    static_assert(cuda::Axes::most >= Shape::max_rank);
    const auto x_axes = cuda::Axes::of(x.shape());
    cuda::Axes y_axes;
    for (const int axis : axes) y_axes.add(x_axes.sizes[axis], x_axes.strides[axis]);
    const Tensor y = x.empty_like(Shape(y_axes.shape()));
    run_forward("permute", x, [&]<class T>(T) { return PermuteOp<T>{.axes = y_axes, .x = ptr(x), .y = ptr(y)}; });
    return y;
}

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

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs input(Random random) { return {random_tensor({4, 2, 3}, random)}; }
Tensor reshaped(const Inputs& in) { return reshape(in[0], {3, 8}); }
Tensor turned(const Inputs& in) { return permute(in[0], {2, 0, 1}); }
Tensor leading_turned(const Inputs& in) { return permute(in[0], {1, 0, 2}); }
const DeclareGradientCase reshape_case{{"layout/reshape", input, reshaped}};
const DeclareGradientCase permute_case{{"layout/permute", input, turned}};
const DeclareGradientCase permute_leading_case{{"layout/permute/leading", input, leading_turned}};

}  // namespace
}  // namespace swingrad

// argmax(x, axis, keepdim) -> int64, max(x, axis, keepdim)
//
// Around the axis x is [outer, size, inner]:
//
//   argmax_oi = the least j whose x_oji is the largest        max_oi = x_oji where j = argmax_oi
//
// A NaN counts as larger than any number. So it shows in the result, as in PyTorch.
//
// argmax has no gradient: it does not change where x changes by little. max is gather at argmax, and its gradient
// gather's: dx_oji = dmax_oi [j = argmax_oi]. Of several largest elements the first receives it. At such a place max
// has no derivative; that is one of its subgradients. Saved: by gather, the index. Source: torch.max and torch.argmax.
// Test: tests/reduce/test_argmax.cpp.

#include "cuda/reduce/argmax.h"

#include "core/threads.h"
#include "ops/axis.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {

// ---- forward

template <class T>
void ArgmaxOp<T>::forward() const {
    parallel_rows(outer * inner, size, [&](int64_t line) {
        const T* x_line = x + line / inner * size * inner + line % inner;
        int64_t best = 0;
        for (int64_t j = 1; j < size; ++j)
            if (comes_before(A(x_line[j * inner]), j, A(x_line[best * inner]), best)) best = j;
        y[line] = best;
    });
}

// ---- public functions

namespace {

// With the axis kept, of size 1.
Tensor largest_at(std::string_view name, const Tensor& x, int axis) {
    const AroundAxis along = around_axis(name, x.shape(), axis);
    check(along.size > 0, "[{}] axis {} of {} has no elements", name, along.axis, x.shape());
    const Tensor y = Tensor::empty(x.shape().with(axis, 1), DType::int64, x.device());
    run_forward(name, x, [&]<class T>(T) {
        return ArgmaxOp<T>{.outer = along.outer, .size = along.size, .inner = along.inner, .x = ptr(x), .y = ptr(y)};
    });
    return y;
}

Shape without(const Shape& shape, int axis) { return without_axis(shape, around_axis("max", shape, axis).axis); }

}  // namespace

Tensor argmax(const Tensor& x, int axis, bool keepdim) {
    refuse_gradient("argmax", {x});
    const Tensor y = largest_at("argmax", x, axis);
    return keepdim ? y : y.view(without(y.shape(), axis));
}

Tensor max(const Tensor& x, int axis, bool keepdim) {
    const Tensor y = gather(x, axis, largest_at("max", x, axis));
    return keepdim ? y : reshape(y, without(y.shape(), axis));
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs input(Random random) { return {random_tensor({2, 4, 3}, random)}; }
const DeclareGradientCase max_case{{"reduce/max", input, [](const Inputs& in) { return max(in[0], 1); }}};
const DeclareGradientCase last_case{{"reduce/max/last", input, [](const Inputs& in) { return max(in[0], -1, true); }}};

}  // namespace
}  // namespace swingrad

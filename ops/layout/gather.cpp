// gather(x, axis, index int64) -> of index's shape
//
// Around the axis x is [outer, size, inner] and index [outer, picks, inner]. A *line* is what has one o and one i:
// along the axis. Each line of y picks from the same line of x:
//
//   y_opi = x_oji where j = index_opi        dx_oji = sum_p dy_opi [index_opi = j]
//
// An element that was picked twice receives both gradients, in the order of p, and one that was not receives 0. Where
// index is smaller than x along another axis, gather is of the slice of x that begins at 0 there.
//
// An index out of range is an error. On a device it cannot be looked at in time: there y is NaN, and its dy goes
// nowhere. Saved: index. Source: the rule is torch.gather's. Test: tests/layout/test_gather.cpp.

#include "cuda/layout/gather.h"

#include "core/threads.h"
#include "ops/axis.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void GatherOp<T>::forward() const {
    parallel_rows(outer * picks, inner, [&](int64_t row) {
        const int64_t o = row / picks;
        for (int64_t i = 0; i < inner; ++i) {
            const int64_t j = index[row * inner + i];
            y[row * inner + i] = x[(o * size + j) * inner + i];
        }
    });
}

// ---- backward

template <class T>
void GatherOp<T>::backward() const {
    parallel_rows(outer * inner, size + picks, [&](int64_t line) {
        const int64_t o = line / inner, i = line % inner;
        std::vector<A> dx_line(size);
        // forward: y_p = x_j where j = index_p, so:
        for (int64_t p = 0; p < picks; ++p) {
            const int64_t at = (o * picks + p) * inner + i;
            dx_line[index[at]] += dy[at];
        }
        for (int64_t j = 0; j < size; ++j) dx[(o * size + j) * inner + i] = dx_line[j];
    });
}

// ---- autograd node

namespace {

// The sizes and the index; shapes that differ in size along the axis alone.
template <class T>
GatherOp<T> arguments_of(const Shape& x_shape, int axis, const Tensor& index) {
    const AroundAxis around_x = around_axis("gather", x_shape, axis);
    return {.outer = around_x.outer,
            .size = around_x.size,
            .picks = index.shape()[axis],
            .inner = around_x.inner,
            .index = ptr(index)};
}

struct GatherNode final : Node {
    Shape x_shape;
    int axis = 0;
    Tensor index;

    std::string_view name() const override { return "gather"; }
    std::vector<Saved> saved() const override { return {{"index", index}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(x_shape);
        run_backward(name(), dx, [&]<class T>(T) {
            auto op = arguments_of<T>(x_shape, axis, index);
            op.dy = ptr(dy), op.dx = ptr(dx);
            return op;
        });
        return {dx};
    }
};

Tensor gathered(const Tensor& x, int axis, const Tensor& index) {
    const Tensor y = x.empty_like(index.shape());
    run_forward("gather", x, [&]<class T>(T) {
        auto op = arguments_of<T>(x.shape(), axis, index);
        op.x = ptr(x), op.y = ptr(y);
        return op;
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<GatherNode>();
    node->x_shape = x.shape();
    node->axis = axis;
    node->index = index;
    return record(std::move(node), {x}, y);
}

}  // namespace

// ---- public function

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
    const AroundAxis along = around_axis("gather", x.shape(), axis);
    const Shape &from = x.shape(), &to = index.shape();
    bool fits = to.rank() == from.rank();
    for (int other = 0; fits && other < to.rank(); ++other) fits = other == along.axis || to[other] <= from[other];
    check(fits, "[gather] index must be no larger than {} but along axis {}, got {}", from, along.axis, to);
    check_one_device("gather", {{"x", x}, {"index", index}});
    check_index("gather", index, along.size);

    Tensor picked_from = x;
    for (int other = 0; other < to.rank(); ++other)
        if (other != along.axis && to[other] < from[other]) picked_from = slice(picked_from, other, 0, to[other]);
    return gathered(picked_from, along.axis, index);
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
// Index 2 is picked twice in a line, 1 never.
Inputs lines(Random random) {
    return {random_tensor({2, 3, 2}, random), Tensor::from({2, 4, 2}, std::vector<int64_t>{2, 0, 0, 2, 2, 0, 0, 2,  //
                                                                                           0, 2, 2, 0, 2, 2, 0, 0})};
}
Inputs smaller(Random random) {
    return {random_tensor({3, 5}, random), Tensor::from({2, 2}, std::vector<int64_t>{4, 1, 0, 4})};
}
const DeclareGradientCase gather_case{{"gather", lines, [](const Inputs& in) { return gather(in[0], 1, in[1]); }}};
const DeclareGradientCase smaller_case{
    {"gather/smaller", smaller, [](const Inputs& in) { return gather(in[0], -1, in[1]); }}};

}  // namespace
}  // namespace swingrad

// slice(x, axis, begin, end), concat(parts, axis)
//
// Around the axis a tensor is [outer, size, inner]: `outer` rows, and a part is a stretch of each row.
//
//   slice:   whole -> part    y = x from `begin` to `end`    dx = dy there, 0 beside it
//   concat:  parts -> whole   y = one part after the other   dx of a part = dy from where it begins to where it ends
//
// Each is linear, and the other's transpose: concat's backward is slices of dy, slice's is a concat of dy and zeros.
// Where there is one row, as along the leading axis, slice moves nothing: y is a handle on x's memory, which is safe
// for the reason that reshape has (ops/layout/layout.cpp), and x may have any dtype. Saved: shapes and numbers only.
// Source: torch.narrow and torch.cat. Test: tests/layout/test_slice.cpp.

#include "cuda/layout/slice.h"

#include "core/threads.h"
#include "ops/axis.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

// ---- forward of slice, which is concat's backward too; backward of slice; forward of concat

template <class T>
void SliceOp<T>::forward() const {
    parallel_rows(part.rows, part.width,
                  [&](int64_t row) { std::copy_n(x + row * part.C + part.begin, part.width, y + row * part.width); });
}

template <class T>
void SliceOp<T>::backward() const {
    parallel_rows(part.rows, part.C, [&](int64_t row) {
        // forward: y has the elements from begin on, `width` of them, and no others, so:
        T* dx_row = std::fill_n(dx + row * part.C, part.begin, T(0));
        dx_row = std::copy_n(dy + row * part.width, part.width, dx_row);
        std::fill_n(dx_row, part.C - part.begin - part.width, T(0));
    });
}

template <class T>
void ConcatOp<T>::forward() const {
    parallel_rows(part.rows, part.width,
                  [&](int64_t row) { std::copy_n(x + row * part.width, part.width, y + row * part.C + part.begin); });
}

// ---- autograd nodes

namespace {

Part part_of(const AroundAxis& whole, int64_t begin, int64_t end) {
    return {whole.outer, whole.size * whole.inner, begin * whole.inner, (end - begin) * whole.inner};
}

Tensor sliced(std::string_view name, const Tensor& x, const Part& part, const Shape& shape) {
    if (part.rows == 1) return x.subrange(part.begin, shape);
    const Tensor y = x.empty_like(shape);
    run_forward(name, x, [&]<class T>(T) { return SliceOp<T>{.part = part, .x = ptr(x), .y = ptr(y)}; });
    return y;
}

struct SliceNode final : Node {
    Part part{};
    Shape x_shape;

    std::string_view name() const override { return "slice"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(x_shape);
        run_backward(name(), dx, [&]<class T>(T) { return SliceOp<T>{.part = part, .dy = ptr(dy), .dx = ptr(dx)}; });
        return {dx};
    }
};

struct ConcatNode final : Node {
    std::vector<Part> parts;
    std::vector<Shape> shapes;  // of the parts

    std::string_view name() const override { return "concat"; }
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        // forward: y is one part after the other, so:
        std::vector<Tensor> gradients(parts.size());
        for (size_t i = 0; i < parts.size(); ++i)
            if (needs_input_grad[i]) gradients[i] = sliced(name(), dy, parts[i], shapes[i]);
        return gradients;
    }
};

// The whole's shape, if all parts have one dtype, live on one device and are equally large but along the axis.
Shape whole_of(const std::vector<Tensor>& parts, int axis) {
    const Tensor& first = parts[0];
    int64_t size = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
        const Tensor& part = parts[i];
        check(part.shape().rank() == first.shape().rank() && part.shape().with(axis, 0) == first.shape().with(axis, 0),
              "[concat] part 0 is {}, but part {} is {}: they may differ in axis {} alone", first.shape(), i,
              part.shape(), axis);
        check(part.dtype() == first.dtype(), "[concat] expects one dtype, got {} and {}", name_of(first.dtype()),
              name_of(part.dtype()));
        check_one_device("concat", {{"part 0", first}, {fmt::format("part {}", i), part}});
        size += part.shape()[axis];
    }
    return first.shape().with(axis, size);
}

}  // namespace

// ---- public functions

Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
    const AroundAxis whole = around_axis("slice", x.shape(), axis);
    check(0 <= begin && begin <= end && end <= whole.size, "[slice] {} to {} is no part of axis {} of {}", begin, end,
          whole.axis, x.shape());
    auto node = std::make_unique<SliceNode>();
    node->part = part_of(whole, begin, end), node->x_shape = x.shape();
    const Tensor y = sliced("slice", x, node->part, x.shape().with(axis, end - begin));
    return record(std::move(node), {x}, y);
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
    check(!parts.empty(), "[concat] expects at least one tensor, got none");
    const Tensor y = parts[0].empty_like(whole_of(parts, around_axis("concat", parts[0].shape(), axis).axis));
    auto node = std::make_unique<ConcatNode>();
    int64_t begin = 0;
    for (const Tensor& x : parts) {
        const int64_t end = begin + x.shape()[axis];
        const Part part = part_of(around_axis("concat", y.shape(), axis), begin, end);
        run_forward("concat", x, [&]<class T>(T) { return ConcatOp<T>{.part = part, .x = ptr(x), .y = ptr(y)}; });
        node->parts.push_back(part), node->shapes.push_back(x.shape());
        begin = end;
    }
    return record(std::move(node), parts, y);
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs one(Random random) { return {random_tensor({4, 5, 3}, random)}; }
Inputs three(Random random) {
    return {random_tensor({2, 1, 3}, random.split(0)), random_tensor({2, 4, 3}, random.split(1)),
            random_tensor({2, 2, 3}, random.split(2))};
}
const DeclareGradientCase slice_case{{"slice", one, [](const Inputs& in) { return slice(in[0], 1, 1, 3); }}};
const DeclareGradientCase leading_case{{"slice/leading", one, [](const Inputs& in) { return slice(in[0], 0, 1, 3); }}};
const DeclareGradientCase concat_case{{"slice/concat", three, [](const Inputs& in) { return concat(in, 1); }}};

}  // namespace
}  // namespace swingrad

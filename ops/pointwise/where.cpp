// where(condition, a, b): all three are repeated to one shape, y's, as NumPy does (ops/reduce/broadcast.cpp), and then
// element by element
//
//   y_i = a_i where condition_i is not 0, else b_i
//   da_i = dy_i where condition_i is not 0, else 0        db_i = 0 where condition_i is not 0, else dy_i
//
// condition is uint8 and a constant. Each gradient is where again, of dy and a single 0; where an operand was repeated
// it is summed to that one's shape (sum_to).
// Saved: condition, and shapes.
// Numerics: what is not chosen has no part in y or in a gradient, be it NaN or infinite. (A product with 0 and 1 would
// pass NaN on.) But the gradient of what computed it may be 0 times infinity: choose the argument of such a function,
// not its value. Source: NumPy's and PyTorch's function of that name. Test: tests/pointwise/test_where.cpp.

#include "cuda/pointwise/where.h"

#include "ops/operation.h"
#include "ops/ops.h"
#include "ops/pointwise/map_broadcast.h"

namespace swingrad {

// ---- forward

template <class T>
void WhereOp<T>::forward() const {
    using A = acc_type<T>;
    map_broadcast(
        count, axes, [](uint8_t condition_i, A a_i, A b_i) { return condition_i != 0 ? a_i : b_i; }, y, condition, a,
        b);
}

// ---- autograd node

namespace {

struct WhereNode final : Node {
    Tensor condition;
    Shape a_shape, b_shape;

    std::string_view name() const override { return "where"; }
    std::vector<Saved> saved() const override { return {{"condition", condition}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const Tensor none = dy.zeros_like({});
        // forward: y = a where condition, else b, so:
        return {needs_input_grad[0] ? sum_to(where(condition, dy, none), a_shape) : Tensor(),
                needs_input_grad[1] ? sum_to(where(condition, none, dy), b_shape) : Tensor()};
    }
};

}  // namespace

// ---- public function

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
    check(a.defined() && b.defined(), "[where] {} is undefined", a.defined() ? "b" : "a");
    check(condition.dtype() == DType::uint8, "[where] condition must be uint8, got {}", name_of(condition.dtype()));
    check(a.dtype() == b.dtype(), "[where] expects one dtype, got {} and {}", name_of(a.dtype()), name_of(b.dtype()));
    check_one_device("where", {{"condition", condition}, {"a", a}, {"b", b}});
    const Shape shape = broadcast_shape("where", {condition.shape(), a.shape(), b.shape()});

    const Tensor y = a.empty_like(shape);
    const auto axes = joint_axes(shape, condition.shape(), a.shape(), b.shape());
    run_forward("where", a, [&]<class T>(T) {
        WhereOp<T> op{.count = y.numel(), .axes = axes};
        op.condition = ptr(condition), op.a = ptr(a), op.b = ptr(b), op.y = ptr(y);
        return op;
    });
    if (!recording({a, b})) return y;
    auto node = std::make_unique<WhereNode>();
    node->condition = condition.detached();
    node->a_shape = a.shape();
    node->b_shape = b.shape();
    return record(std::move(node), {a, b}, y);
}

// ---- gradient checks

namespace {

using Inputs = std::vector<Tensor>;
Inputs inputs(const Shape& condition, const Shape& a, const Shape& b, Random random) {
    Tensor chosen = Tensor::empty(condition, DType::uint8);
    for (int64_t i = 0; i < chosen.numel(); ++i) chosen.data<uint8_t>()[i] = i % 3 != 1;
    return {chosen, random_tensor(a, random.split(0)), random_tensor(b, random.split(1))};
}
Tensor chosen(const Inputs& in) { return where(in[0], in[1], in[2]); }
const DeclareGradientCase where_case{{"pointwise/where",
                                      [](Random random) {
                                          return inputs({2, 3, 5}, {2, 3, 5}, {2, 3, 5}, random);
                                      },
                                      chosen}};
const DeclareGradientCase broadcast_case{{"pointwise/where/broadcast",
                                          [](Random random) {
                                              return inputs({2, 1, 5}, {3, 1}, {2, 1, 1}, random);
                                          },
                                          chosen}};

}  // namespace
}  // namespace swingrad

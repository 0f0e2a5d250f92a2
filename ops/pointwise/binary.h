// What add, subtract, multiply and divide share: y_i = f(a_i, b_i), a and b being repeated to one shape (broadcasting).
// The functions f: cuda/pointwise/arithmetic.h.
//
// An operand that is repeated counts in each place where it is read. So its gradient has y's shape first, and is then
// summed to the operand's.
#pragma once

#include "cuda/pointwise/arithmetic.h"
#include "ops/operation.h"
#include "ops/ops.h"
#include "ops/pointwise/map_broadcast.h"

namespace swingrad {

template <class F, class T>
void BinaryOp<F, T>::forward() const {
    map_broadcast(
        count, axes, [](acc_type<T> a_i, acc_type<T> b_i) { return F::value(a_i, b_i); }, y, a, b);
}

template <class F>
Tensor binary(std::string_view name, const Tensor& a, const Tensor& b) {
    check(a.defined() && b.defined(), "[{}] {} is undefined", name, a.defined() ? "b" : "a");
    check(a.dtype() == b.dtype(), "[{}] expects one dtype, got {} and {}", name, name_of(a.dtype()),
          name_of(b.dtype()));
    check_one_device(name, {{"a", a}, {"b", b}});
    const Shape shape = broadcast_shape(name, {a.shape(), b.shape()});
    const Tensor y = a.empty_like(shape);
    const auto axes = joint_axes(shape, a.shape(), b.shape());
    run_forward(name, a, [&]<class T>(T) {
        return BinaryOp<F, T>{.count = y.numel(), .axes = axes, .a = ptr(a), .b = ptr(b), .y = ptr(y)};
    });
    return y;
}

struct BinaryNode : Node {
    Shape a_shape, b_shape;

    // The gradients of a and b from those with y's shape, where they are needed.
    std::vector<Tensor> summed(const Tensor& da, const Tensor& db, const NeedsInputGrad& needs_input_grad) const {
        return {needs_input_grad[0] ? sum_to(da, a_shape) : Tensor(),
                needs_input_grad[1] ? sum_to(db, b_shape) : Tensor()};
    }
};

// Records y with a node that is a BinaryNode.
template <class N>
Tensor record_binary(std::unique_ptr<N> node, const Tensor& a, const Tensor& b, const Tensor& y) {
    node->a_shape = a.shape();
    node->b_shape = b.shape();
    return record(std::move(node), {a, b}, y);
}

// Gradient cases of f: operands of one shape, and operands that are both repeated. b stays away from 0.
class DeclareBinaryCases {
  public:
    DeclareBinaryCases(const std::string& name, Tensor (*f)(const Tensor&, const Tensor&)) {
        const Function of_two = [f](const std::vector<Tensor>& in) { return f(in[0], in[1]); };
        DeclareGradientCase({name, [](Random random) { return inputs({2, 3, 5}, {2, 3, 5}, random); }, of_two});
        DeclareGradientCase({name + "/broadcast",
                             [](Random random) {
                                 return inputs({2, 1, 5}, {3, 1}, random);
                             },
                             of_two});
    }

  private:
    static std::vector<Tensor> inputs(const Shape& a, const Shape& b, Random random) {
        const std::vector<Tensor> in{random_tensor(a, random.split(0)), random_tensor(b, random.split(1))};
        for (double& value : in[1].span<double>()) value += value < 0 ? -0.5 : 0.5;
        return in;
    }
};

}  // namespace swingrad

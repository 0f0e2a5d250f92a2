// Small operations to fill a tape with: known ones, and one that returns whatever gradients it is told to.
#pragma once

#include "autograd/tape.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace swingrad::test {

// z_i = x_i y_i,   dx_i = dz_i y_i,   dy_i = dz_i x_i
struct MultiplyNode final : Node {
    Tensor x, y;
    std::string_view name() const override { return "multiply"; }
    std::vector<Saved> saved() const override { return {{"x", x}, {"y", y}}; }
    static Tensor product(const Tensor& a, const Tensor& b) {
        Tensor c = Tensor::empty(a.shape(), a.dtype());
        for (size_t i = 0; i < static_cast<size_t>(c.numel()); ++i)
            c.span<double>()[i] = a.span<double>()[i] * b.span<double>()[i];
        return c;
    }
    std::vector<Tensor> backward(const Tensor& dz, const NeedsInputGrad& needs_input_grad) override {
        return {needs_input_grad[0] ? product(dz, y) : Tensor(), needs_input_grad[1] ? product(dz, x) : Tensor()};
    }
};
inline Tensor multiply(const Tensor& x, const Tensor& y) {
    auto node = std::make_unique<MultiplyNode>();
    node->x = x.detached(), node->y = y.detached();
    return record(std::move(node), {x, y}, MultiplyNode::product(x, y));
}

// z = x + y: the same dz, not a copy, goes to both.
struct PlusNode final : Node {
    std::string_view name() const override { return "plus"; }
    std::vector<Tensor> backward(const Tensor& dz, const NeedsInputGrad&) override { return {dz, dz}; }
};
inline Tensor plus(const Tensor& x, const Tensor& y) {
    Tensor z = x.clone();
    for (int64_t i = 0; i < z.numel(); ++i) z.data<double>()[i] += y.data<double>()[i];
    z.set_autograd(nullptr);
    return record(std::make_unique<PlusNode>(), {x, y}, z);
}

// Passes x through and returns whatever it was given to return.
struct AnyNode final : Node {
    std::vector<Tensor> gradients;
    std::string_view name() const override { return "any"; }
    std::vector<Tensor> backward(const Tensor&, const NeedsInputGrad&) override { return gradients; }
};
inline Tensor any(const Tensor& x, std::vector<Tensor> gradients) {
    auto node = std::make_unique<AnyNode>();
    node->gradients = std::move(gradients);
    return record(std::move(node), {x}, x.clone());
}

inline Tensor vector(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}
inline Tensor leaf(const std::vector<double>& values, std::string name = {}) {
    Tensor tensor = vector(values);
    require_gradient(tensor, std::move(name));
    return tensor;
}
using Values = std::vector<double>;

}  // namespace swingrad::test

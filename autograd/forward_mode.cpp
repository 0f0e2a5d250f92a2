#include "autograd/forward_mode.h"

namespace swingrad {
namespace {

// The inputs that are float64 as dual numbers, which move along v; the others as they are.
std::vector<Tensor> moving(std::string_view caller, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v) {
    check(v.size() == inputs.size(), "[{}] {} inputs need as many directions, got {}", caller, inputs.size(), v.size());
    std::vector<Tensor> moved;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const Tensor& x = inputs[i];
        check(x.defined() && x.device() == Device::cpu, "[{}] input {} must be on the CPU, got {}", caller, i, x);
        const bool moves = x.dtype() == DType::float64;
        const bool fits = moves && v[i].defined() && v[i].dtype() == x.dtype() && v[i].shape() == x.shape();
        check(!v[i].defined() || fits, "[{}] input {} is {}, so its direction cannot be {}", caller, i, x, v[i]);
        moved.push_back(fits ? with_tangent(x, v[i]) : moves ? x.to(DType::dual) : x);
    }
    return moved;
}

Tensor result_of(std::string_view caller, const Function& function, const std::vector<Tensor>& inputs) {
    const Tensor y = function(inputs);
    check(y.defined() && y.dtype() == DType::dual,
          "[{}] the function must keep to the dtype of its inputs: of dual numbers it made {}", caller, y);
    return y;
}

}  // namespace

Tensor with_tangent(const Tensor& x, const Tensor& v) {
    check(v.shape() == x.shape(), "[with_tangent] the tangent of {} must have its shape, got {}", x, v);
    const Tensor both = Tensor::empty(x.shape(), DType::dual);
    const double *values = x.data<double>(), *tangents = v.data<double>();
    Dual* to = both.data<Dual>();
    for (int64_t i = 0; i < both.numel(); ++i) to[i] = {values[i], tangents[i]};
    return both;
}

Tensor tangent_of(const Tensor& y) {
    const Tensor tangents = Tensor::empty(y.shape(), DType::float64);
    const Dual* from = y.data<Dual>();
    double* to = tangents.data<double>();
    for (int64_t i = 0; i < y.numel(); ++i) to[i] = from[i].tangent;
    return tangents;
}

Tensor jacobian_vector_product(const Function& function, const std::vector<Tensor>& inputs,
                               const std::vector<Tensor>& v) {
    constexpr std::string_view name = "jacobian_vector_product";
    const NoGrad no_recording;
    return tangent_of(result_of(name, function, moving(name, inputs, v)));
}

std::vector<Tensor> hessian_vector_product(const Function& function, const std::vector<Tensor>& inputs,
                                           const std::vector<Tensor>& v, const Tensor& cotangent) {
    constexpr std::string_view name = "hessian_vector_product";
    std::vector<Tensor> leaves = moving(name, inputs, v);
    for (size_t i = 0; i < leaves.size(); ++i)
        if (leaves[i].dtype() == DType::dual) require_gradient(leaves[i], fmt::format("input {}", i));
    {
        Tape tape;
        const Tensor y = result_of(name, function, leaves);
        if (cotangent.defined()) tape.backward(y, cotangent.to(DType::dual));
        else tape.backward(y);
    }
    std::vector<Tensor> products(leaves.size());
    for (size_t i = 0; i < leaves.size(); ++i) {
        if (leaves[i].dtype() != DType::dual) continue;
        const Tensor g = gradient(leaves[i]);  // undefined where the result does not depend on the input
        products[i] = g.defined() ? tangent_of(g) : Tensor::zeros(leaves[i].shape(), DType::float64);
    }
    return products;
}

}  // namespace swingrad

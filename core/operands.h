// What operations share in choosing where they compute: all operands must live on one device, and that device's loops
// are the ones that run.
#pragma once

#include "core/tensor.h"

#include <initializer_list>
#include <string_view>

namespace swingrad {

struct Operand {
    std::string_view name;
    const Tensor& tensor;  // may be undefined: left out
};

// Throws an Error that names two operands and their devices unless all that are defined live on one.
void check_one_device(std::string_view op, std::initializer_list<Operand> operands);

// The shape that all are repeated to (core/shape.h). Throws an Error that names them where they do not fit.
Shape broadcast_shape(std::string_view op, std::initializer_list<Shape> shapes);

// One choice of device and of type, for what is no operation (autograd/accumulate.cpp); operations have run_forward and
// run_backward, ops/operation.h. Calls cpu(T{}) where x lives on the CPU, kernels(T{}) where it lives on a GPU, with
// T = float, double or bfloat16; on the CPU also Dual. On meta it calls neither.
template <class Cpu, class Kernels>
void on_device_of(std::string_view op, const Tensor& x, Cpu&& cpu, Kernels&& kernels) {
    if (x.device() == Device::cpu) dispatch_number(op, x.dtype(), cpu);
    else if (x.device() == Device::cuda) dispatch_any_float(op, x.dtype(), kernels);
}

}  // namespace swingrad

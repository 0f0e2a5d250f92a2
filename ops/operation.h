// How an operation is computed: by plain loops, by a fast path, or by kernels.
//
// An operation's arguments are one struct, such as LayerNormOp<T> in cuda/norm/layer_norm.h: sizes, addresses, and
//
//     void forward() const;         // plain loops: the specification, in the page, ops/norm/layer_norm.cpp
//     void backward() const;
//     void forward_kernel() const;  // cuda/norm/layer_norm.cu
//     void backward_kernel() const;
//     int64_t multiply_adds() const;  // of a forward pass, where these are what it costs: ops/cost_log.h
//
// A fast path is beside the page, in ops/norm/layer_norm_fast.cpp, and declares itself:
//
//     const DeclareFastPath<LayerNormOp> fast{[](const auto& op) { forward(op); },
//                                             [](const auto& op) { backward(op); }};
//
// It is used in place of the plain loops unless these are asked for. Without that file the library computes the same,
// but for rounding.
#pragma once

#include "autograd/gradcheck.h"
#include "autograd/tape.h"
#include "core/instruction_set/fast_paths.h"
#include "core/operands.h"
#include "ops/cost_log.h"

#include <string_view>

namespace swingrad {

// Whether the CPU computes by plain loops alone, as --device reference asks; else by fast paths, where there are any.
bool plain_loops();
void use_plain_loops(bool on);  // for the whole process, from now on; not while operations run

// The fast path of an operation with arguments Op, such as LayerNormOp<float>; null where there is none. Which one it
// is depends on the processor: core/instruction_set/instruction_set.h.
template <class Op>
struct FastPath {
    using Function = void (*)(const Op&);

    static Function forward() { return reinterpret_cast<Function>(found().forward); }
    static Function backward() { return reinterpret_cast<Function>(found().backward); }

  private:
    static const AnyFastPath& found() {
        static const AnyFastPath path = fast_path_of(typeid(Op));
        return path;
    }
};

// Makes two functions of any `const Op<T>&` the fast path for float, double and bfloat16, from a static variable.
// Either may be nullptr: then the plain loop is used.
template <template <class> class Op>
struct DeclareFastPath {
    template <class Forward, class Backward>
    DeclareFastPath(Forward forward, Backward backward) {
        declare<float>(forward, backward);
        declare<double>(forward, backward);
        declare<bfloat16>(forward, backward);
    }

  private:
    template <class T>
    static void declare(typename FastPath<Op<T>>::Function forward, typename FastPath<Op<T>>::Function backward) {
        declare_fast_path(typeid(Op<T>),
                          {reinterpret_cast<void (*)()>(forward), reinterpret_cast<void (*)()>(backward)});
    }
};

// Builds the plain loops of an operation whose struct other pages use too, from outside of all functions.
#define SWINGRAD_PLAIN_LOOPS(Op)  \
    template struct Op<float>;    \
    template struct Op<double>;   \
    template struct Op<bfloat16>; \
    template struct Op<Dual>

// The address of a tensor's first element, for a struct of arguments. It converts to a pointer of the field's type,
// null where the tensor is undefined or on meta. The memory is that of the tensor's device. Throws an Error where the
// tensor holds elements of another type.
class Pointer {
  public:
    explicit Pointer(const Tensor& tensor) : tensor_(tensor) {}

    template <class T>
    operator T*() const {
        if (!tensor_.defined() || tensor_.device() == Device::meta) return nullptr;
        using Element = std::remove_const_t<T>;
        return tensor_.device() == Device::cpu ? tensor_.data<Element>() : tensor_.device_data<Element>();
    }

  private:
    const Tensor& tensor_;
};
inline Pointer ptr(const Tensor& tensor) { return Pointer(tensor); }

// An operation's one choice of device, of type, and of plain loops or a fast path. `arguments(T{})` returns the filled
// struct for T = float, double, bfloat16 or Dual, whichever x holds; dual numbers have the plain loops alone:
//
//     run_forward("softmax", x,
//                 [&]<class T>(T) { return SoftmaxOp<T>{.rows = rows, .C = C, .x = ptr(x), .y = ptr(y)}; });
template <class Arguments, class Kernel, class Fast, class Plain>
void run_pass(std::string_view name, const Tensor& x, const Arguments& arguments, Kernel kernel, Fast fast,
              Plain plain) {
    dispatch_number(name, x.dtype(), [&]<class T>(T type) {
        const auto op = arguments(type);
        if (x.device() == Device::meta) return;
        if (x.device() == Device::cuda) {
            if constexpr (kernels_take<T> && requires { kernel(op); }) kernel(op);
            else fail("[{}] has no kernels, and x is {}", name, x);
        } else {
            const auto by_fast_path = plain_loops() ? nullptr : fast(op);
            if (by_fast_path) by_fast_path(op);
            else plain(op);
        }
    });
}
template <class Arguments>
void run_forward(std::string_view name, const Tensor& x, const Arguments& arguments) {
    const auto noted = [&](auto type) {
        const auto op = arguments(type);
        if constexpr (requires { op.multiply_adds(); }) CostLog::note(op.multiply_adds());
        return op;
    };
    run_pass(
        name, x, noted, [](const auto& op) -> decltype(op.forward_kernel()) { op.forward_kernel(); },
        []<class Op>(const Op&) { return FastPath<Op>::forward(); }, [](const auto& op) { op.forward(); });
}
template <class Arguments>
void run_backward(std::string_view name, const Tensor& x, const Arguments& arguments) {
    run_pass(
        name, x, arguments, [](const auto& op) -> decltype(op.backward_kernel()) { op.backward_kernel(); },
        []<class Op>(const Op&) { return FastPath<Op>::backward(); }, [](const auto& op) { op.backward(); });
}

}  // namespace swingrad

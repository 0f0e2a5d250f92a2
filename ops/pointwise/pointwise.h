// How a pointwise operation of one tensor is made: a struct with a value and a slope (core/scalar.h), a line in
// pointwise.cpp, its declaration in ops.h and a gradient case. The line is
//
//     Tensor gelu(const Tensor& x) { return pointwise<Gelu>("gelu", x); }
//
// and a line in cuda/pointwise/pointwise.cu, with one in its header, makes the kernels. Without those two the operation is one of
// the CPU, and says so where it is given a tensor on a GPU.
//
// y_i = f(x_i), so dx_i = dy_i f'(x_i). Saved is x, for every f: simpler than asking which slopes are cheaper from
// y, and x is mostly alive anyway.
#pragma once

#include "autograd/tape.h"
#include "core/operands.h"
#include "core/scalar.h"
#include "core/threads.h"
#include "cuda/pointwise/pointwise.h"

namespace swingrad {

// Elements in a piece of work: some microseconds, far more than handing the piece out costs.
constexpr int64_t pointwise_chunk = 1 << 14;

template <class F, class T>
void pointwise_forward(int64_t count, const T* x, T* y) {
    parallel_chunks(count, pointwise_chunk, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = narrow<T>(F::value(widen(x[i])));
    });
}

template <class F, class T>
void pointwise_backward(int64_t count, const T* x, const T* dy, T* dx) {
    parallel_chunks(count, pointwise_chunk, [=](int64_t begin, int64_t end) {
        // forward: y = f(x), so:
        for (int64_t i = begin; i < end; ++i) dx[i] = narrow<T>(widen(dy[i]) * F::slope(widen(x[i])));
    });
}

[[noreturn]] inline void refuse_device(std::string_view op, const Tensor& x) {
    fail("[{}] has no kernels (cuda/pointwise/pointwise_kernels.h makes them), and x is {}", op, x);
}

template <class F>
struct PointwiseNode final : Node {
    std::string_view op;
    Tensor x;

    std::string_view name() const override { return op; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        Tensor dx = x.empty_like(x.shape());
        on_device_of(
            op, x, [&]<class T>(T) { pointwise_backward<F>(x.numel(), x.data<T>(), dy.data<T>(), dx.data<T>()); },
            [&]<class T>(T) {
                if constexpr (cuda::has_pointwise_kernels<F>)
                    cuda::pointwise_backward<F>(x.numel(), x.device_data<T>(), dy.device_data<T>(),
                                                dx.device_data<T>());
                else refuse_device(op, x);
            });
        return {dx};
    }
};

// f of every element; `op` is a literal, for messages. Throws an Error unless x is float32, float64 or bfloat16, and
// where x is on a GPU and f has no kernels.
template <class F>
Tensor pointwise(std::string_view op, const Tensor& x) {
    Tensor y = x.empty_like(x.shape());
    on_device_of(
        op, x, [&]<class T>(T) { pointwise_forward<F>(x.numel(), x.data<T>(), y.data<T>()); },
        [&]<class T>(T) {
            if constexpr (cuda::has_pointwise_kernels<F>)
                cuda::pointwise_forward<F>(x.numel(), x.device_data<T>(), y.device_data<T>());
            else refuse_device(op, x);
        });
    if (!recording({x})) return y;
    auto node = std::make_unique<PointwiseNode<F>>();
    node->op = op;
    node->x = x.detached();
    return record(std::move(node), {x}, y);
}

}  // namespace swingrad

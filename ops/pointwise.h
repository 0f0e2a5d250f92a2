// How a pointwise operation of one tensor is made: a struct with a value and a slope (core/scalar.h), a line in
// pointwise.cpp, its declaration in ops.h and a gradient case. The line is
//
//     Tensor gelu(const Tensor& x) { return pointwise<Gelu>("gelu", x); }
//
// y_i = f(x_i), so dx_i = dy_i f'(x_i). Saved is x, for every f: simpler than asking which slopes are cheaper from
// y, and x is mostly alive anyway.
#pragma once

#include "autograd/tape.h"
#include "core/scalar.h"
#include "core/threads.h"

namespace swingrad {

// Elements in a piece of work: some microseconds, far more than handing the piece out costs.
constexpr int64_t pointwise_chunk = 1 << 14;

template <class F, class T>
void pointwise_forward(int64_t count, const T* x, T* y) {
    parallel_chunks(count, pointwise_chunk, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = F::value(x[i]);
    });
}

template <class F, class T>
void pointwise_backward(int64_t count, const T* x, const T* dy, T* dx) {
    parallel_chunks(count, pointwise_chunk, [=](int64_t begin, int64_t end) {
        // forward: y = f(x), so:
        for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * F::slope(x[i]);
    });
}

template <class F>
struct PointwiseNode final : Node {
    std::string_view op;
    Tensor x;

    std::string_view name() const override { return op; }
    std::vector<Saved> saved() const override { return {{"x", x}}; }

    std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
        Tensor dx = Tensor::empty(x.shape(), x.dtype());
        dispatch_float(op, x.dtype(),
                       [&]<class T>(T) { pointwise_backward<F>(x.numel(), x.data<T>(), dy.data<T>(), dx.data<T>()); });
        return {dx};
    }
};

// f of every element; `op` is a literal, for messages. Throws an Error unless x is float32 or float64.
template <class F>
Tensor pointwise(std::string_view op, const Tensor& x) {
    Tensor y = Tensor::empty(x.shape(), x.dtype());
    dispatch_float(op, x.dtype(), [&]<class T>(T) { pointwise_forward<F>(x.numel(), x.data<T>(), y.data<T>()); });
    if (!recording({x})) return y;
    auto node = std::make_unique<PointwiseNode<F>>();
    node->op = op;
    node->x = x.detached();
    return record(std::move(node), {x}, y);
}

}  // namespace swingrad

// Pointwise operations of several tensors that are repeated to one shape (broadcasting): the loop of the CPU. No
// repeated tensor is made. That of kernels: cuda/toolkit/elementwise.h.
#pragma once

#include "core/operands.h"
#include "core/threads.h"
#include "cuda/toolkit/joint_axes.h"

#include <type_traits>
#include <utility>

namespace swingrad {

// The axes of tensors with shapes `small`, each repeated to `shape`; none where nothing is repeated.
template <class... Shapes>
cuda::JointAxes<sizeof...(Shapes)> joint_axes(const Shape& shape, const Shapes&... small) {
    if (((small == shape) && ...)) return {};
    return cuda::JointAxes<sizeof...(Shapes)>::of({cuda::Axes::repeated(small, shape)...});
}

namespace detail {

// Calls body(step...) with steps of 0 or 1 as constants, so that the loop in it is compiled for each of them.
template <class Steps, class Body, class... Known>
void with_steps(const Steps& steps, const Body& body, Known... known) {
    constexpr size_t k = sizeof...(Known);
    if constexpr (k == std::tuple_size_v<Steps>) body(known...);
    else if (steps[k] == 0) with_steps(steps, body, known..., std::integral_constant<int64_t, 0>{});
    else with_steps(steps, body, known..., std::integral_constant<int64_t, 1>{});
}

template <int64_t... step, class F, class T, class... From>
void map_row(int64_t length, const F& f, T* y, const From*... from) {
#pragma omp simd
    for (int64_t c = 0; c < length; ++c) y[c] = narrow<T>(f(widen(from[c * step])...));
}

template <size_t... operand, class F, class T, class... From>
void map_rows(std::index_sequence<operand...>, int64_t count, const cuda::JointAxes<sizeof...(From)>& axes, const F& f,
              T* y, const From*... from) {
    with_steps(axes.row_strides(), [&](auto... step) {
        parallel_chunks(count, 1 << 14, [&](int64_t begin, int64_t end) {
            axes.along_rows(begin, end, [&](int64_t first, int64_t length, const auto& offsets) {
                map_row<decltype(step)::value...>(length, f, y + first, from + offsets[operand]...);
            });
        });
    });
}

}  // namespace detail

// y[i] = f(from[axes' offset of i]...) for all i below `count`, in parallel: one loop over all elements where no tensor
// is repeated, else a loop for each row.
template <class F, class T, class... From>
void map_broadcast(int64_t count, const cuda::JointAxes<sizeof...(From)>& axes, const F& f, T* y, const From*... from) {
    if (axes.count == 0) parallel_elements(count, [=](int64_t i) { y[i] = narrow<T>(f(widen(from[i])...)); });
    else detail::map_rows(std::index_sequence_for<From...>{}, count, axes, f, y, from...);
}

}  // namespace swingrad

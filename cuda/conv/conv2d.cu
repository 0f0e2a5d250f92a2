// conv2d. Mathematics and names: ops/conv/conv2d.cpp.
//
// Plan: forward, a thread a channel of y at a position; dx, a thread a channel of x at an element, which looks for the
// positions over it. Neighbours are neighbouring channels: they read the same numbers of a map together, and weights
// that are `taps`, or a few, apart, which the caches hold. The weight's gradient goes by columns (cuda/toolkit/sums.h):
// a row for each pixel of y, a column for each of a channel's weights, channels in next to each other, and a layer of
// the grid for each channel out. The partial sums of all groups are kept to a few million numbers, however large the
// weight is. No barriers but those of cuda/toolkit/sums_device.h; each result has one owner, so that the bits are the
// same every time. A product of matrices would use the multiprocessors better; these are right and short.

#include "cuda/conv/conv2d.h"

#include "cuda/runtime/convert.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"
#include "cuda/toolkit/sums_device.h"

#include <algorithm>

namespace swingrad::cuda {

constexpr unsigned conv2d_threads = 256;
constexpr int64_t most_partial_sums = 1 << 22;

template <class T>
__global__ void conv2d_forward_kernel(Conv2dOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (at >= op.pixels() * op.O) return;
    const int64_t o = at % op.O;
    const auto [b, h, w] = op.position(at / op.O);
    const IndexRange ks = op.rows.places_inside(h), ls = op.columns.places_inside(w);
    acc_type<T> sum = op.bias ? op.bias[o] : acc_type<T>(0);
    for (int64_t k = ks.begin; k < ks.end; ++k)
        for (int64_t l = ls.begin; l < ls.end; ++l) {
            const T* x_mn = op.x + op.x_at(b, op.rows.element(h, k), op.columns.element(w, l), o);
            for (int64_t i = 0; i < op.group_in(); ++i)
                sum += widen(x_mn[i]) * widen(op.weight[op.weight_at(o, i, k, l)]);
        }
    op.y[at] = narrow<T>(sum);
}

template <class T>
__global__ void conv2d_backward_kernel(Conv2dOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, H = op.rows.size, W = op.columns.size;
    if (at >= op.B * H * W * op.I) return;
    const int64_t channel = at % op.I, n = at / op.I % W, m = at / op.I / W % H, b = at / op.I / W / H;
    const int64_t group = channel / op.group_in(), i = channel % op.group_in();
    const IndexRange hs = op.rows.positions_over(m), ws = op.columns.positions_over(n);
    acc_type<T> sum = 0;
    // forward: y_bhwo = bias_o + sum_kli x_bmni weight_oikl, so:
    for (int64_t h = hs.begin; h < hs.end; ++h)
        for (int64_t w = ws.begin; w < ws.end; ++w) {
            const T* dy_hw = op.dy + op.y_at(b, h, w);
            const int64_t k = op.rows.place(h, m), l = op.columns.place(w, n);
            for (int64_t o = group * op.group_out(); o < (group + 1) * op.group_out(); ++o)
                sum += widen(dy_hw[o]) * widen(op.weight[op.weight_at(o, i, k, l)]);
        }
    op.dx[at] = narrow<T>(sum);
}

// partial [groups, O, weights of a channel]
template <class T>
__global__ void conv2d_weight_backward_kernel(Conv2dOp<T> op, int64_t groups, acc_type<T>* partial) {
    const int64_t o = blockIdx.z, J = op.taps(), I = op.group_in(), kw = op.columns.kernel;
    const auto sum =
        group_column_sum<acc_type<T>>(op.pixels(), groups, J, [&](int64_t pixel, int64_t column) -> acc_type<T> {
            const auto [b, h, w] = op.position(pixel);
            const int64_t m = op.rows.element(h, column / I / kw), n = op.columns.element(w, column / I % kw);
            if (m < 0 || m >= op.rows.size || n < 0 || n >= op.columns.size) return 0;
            return widen(op.dy[pixel * op.O + o]) * widen(op.x[op.x_at(b, m, n, o) + column % I]);
        });
    const int64_t column = int64_t{blockIdx.x} * sum_columns + threadIdx.x;
    if (threadIdx.y != 0 || column >= J) return;
    partial[blockIdx.y * op.O * J + op.weight_at(o, column % I, column / I / kw, column / I % kw)] = sum;
}

template <class T>
void conv2d_weight_backward(const Conv2dOp<T>& op) {
    using A = acc_type<T>;
    const int64_t count = op.O * op.taps();
    const int64_t groups = std::min(row_groups(op.pixels()), std::max<int64_t>(1, most_partial_sums / count));
    const Scratch<A> partial(groups * count), sums(count);
    launch(conv2d_weight_backward_kernel<T>,
           dim3(blocks_for(op.taps(), sum_columns), static_cast<unsigned>(groups), static_cast<unsigned>(op.O)),
           dim3(sum_columns, sum_rows), 0, compute_stream(), op, groups, partial.data());
    add_groups(groups, count, count, partial.data(), sums.data());
    convert(count, sums.data(), op.dweight);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void Conv2dOp<T>::forward_kernel() const {
    using namespace cuda;
    const int64_t count = pixels() * O;
    if (count == 0) return;
    launch(conv2d_forward_kernel<T>, blocks_for(count, conv2d_threads), conv2d_threads, 0, compute_stream(), *this);
}

template <class T>
void Conv2dOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t count = B * rows.size * columns.size * I;
    if (dx && count > 0)
        launch(conv2d_backward_kernel<T>, blocks_for(count, conv2d_threads), conv2d_threads, 0, compute_stream(),
               *this);
    if (dweight) conv2d_weight_backward(*this);
    if (dbias) column_sums(pixels(), O, dy, dbias);
}

SWINGRAD_KERNELS(Conv2dOp)

}  // namespace swingrad

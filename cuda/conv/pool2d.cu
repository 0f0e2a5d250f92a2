// max_pool2d and avg_pool2d. Mathematics and names: ops/conv/pool2d.cpp.
//
// Plan: forward, a thread an element of y, backward, a thread an element of x; neighbours are neighbouring channels,
// and read neighbours. Backward looks from an element at the positions over it, where the loops on the CPU go the other
// way: so each sum has one owner. For the largest that searches each of these kernels again, kh kw numbers that the
// caches hold. 256 threads a block; no barrier.

#include "cuda/conv/pool2d.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned pool2d_threads = 256;

template <class T>
__global__ void pool2d_forward_kernel(Pool2dOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, pixel = at / op.C, c = at % op.C;
    if (at >= op.B * op.down() * op.across() * op.C) return;
    const int64_t w = pixel % op.across(), h = pixel / op.across() % op.down(), b = pixel / op.across() / op.down();
    if (op.pool == Pool::largest) {
        op.y[at] = op.x[op.first_largest(b, h, w, c)];
        return;
    }
    const IndexRange ks = op.rows.places_inside(h), ls = op.columns.places_inside(w);
    acc_type<T> sum = 0;
    for (int64_t k = ks.begin; k < ks.end; ++k)
        for (int64_t l = ls.begin; l < ls.end; ++l)
            sum += widen(op.x[op.x_at(b, op.rows.element(h, k), op.columns.element(w, l)) + c]);
    op.y[at] = narrow<T>(sum / op.places());
}

template <class T>
__global__ void pool2d_backward_kernel(Pool2dOp<T> op) {
    const int64_t at = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, pixel = at / op.C, c = at % op.C;
    const int64_t H = op.rows.size, W = op.columns.size, n = pixel % W, m = pixel / W % H, b = pixel / W / H;
    if (at >= op.B * H * W * op.C) return;
    const IndexRange hs = op.rows.positions_over(m), ws = op.columns.positions_over(n);
    acc_type<T> sum = 0;
    for (int64_t h = hs.begin; h < hs.end; ++h)
        for (int64_t w = ws.begin; w < ws.end; ++w) {
            const auto dy_hwc = widen(op.dy[op.y_at(b, h, w) + c]);
            // forward: y_bhwc = max_kl x_bmnc, or sum_kl x_bmnc / (kh kw), so:
            if (op.pool == Pool::mean) sum += dy_hwc / op.places();
            else if (op.first_largest(b, h, w, c) == at) sum += dy_hwc;
        }
    op.dx[at] = narrow<T>(sum);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void Pool2dOp<T>::forward_kernel() const {
    using namespace cuda;
    const int64_t count = B * down() * across() * C;
    if (count == 0) return;
    launch(pool2d_forward_kernel<T>, blocks_for(count, pool2d_threads), pool2d_threads, 0, compute_stream(), *this);
}

template <class T>
void Pool2dOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t count = B * rows.size * columns.size * C;
    if (count == 0) return;
    launch(pool2d_backward_kernel<T>, blocks_for(count, pool2d_threads), pool2d_threads, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(Pool2dOp)

}  // namespace swingrad

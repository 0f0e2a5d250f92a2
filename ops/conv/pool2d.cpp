// max_pool2d, avg_pool2d(x [B, H, W, C], kernel, stride, padding) -> [B, H', W', C]
//
// A kernel slides over a map as a convolution's does (ops/conv/conv2d.cpp): at position (h, w) its place (k, l), of
// kh kw, is over (m, n) = (h s - p + k, w s - p + l). Each channel's result is the largest of the numbers under the
// kernel, padding being -infinity, or their mean, padding being 0:
//
//   y_bhwc = max_kl x_bmnc                      y_bhwc = sum_kl x_bmnc / (kh kw)
//
// Backward. An element of x is under the kernel at one position or at several, from which it gets, added up, all of dy
// where it is the first largest and nothing where it is not; or its share in the mean:
//
//   dx_bmnc = sum of dy_bhwc over the (h, w) whose first largest element is (m, n)
//   dx_bmnc = sum of dy_bhwc / (kh kw) over the (h, w) that have a place over (m, n)
//
// Where two numbers are equally large, which the derivative does not tell apart, the gradient goes to the first, row by
// row: so do PyTorch's. So that there is always a largest number, padding may take at most half of the kernel.
// Saved: for the largest x, which the operation before it holds as a rule; for the mean nothing.
// Source: torch.nn.functional.max_pool2d, and avg_pool2d with count_include_pad. Test: tests/conv/test_pool2d.cpp.

#include "cuda/conv/pool2d.h"
#include "core/threads.h"
#include "ops/conv/sliding.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <vector>

namespace swingrad {

// ---- forward

template <class T>
void Pool2dOp<T>::forward() const {
    parallel_rows(B * down(), across() * C * rows.kernel * columns.kernel, [&](int64_t row) {
        const int64_t b = row / down(), h = row % down();
        std::vector<A> sum(C);
        for (int64_t w = 0; w < across(); ++w) {
            T* const y_hw = y + y_at(b, h, w);
            if (pool == Pool::largest) {
                for (int64_t c = 0; c < C; ++c) y_hw[c] = x[first_largest(b, h, w, c)];
                continue;
            }
            const IndexRange ks = rows.places_inside(h), ls = columns.places_inside(w);
            sum.assign(C, 0);
            for (int64_t k = ks.begin; k < ks.end; ++k)
                for (int64_t l = ls.begin; l < ls.end; ++l)
                    for (int64_t c = 0; c < C; ++c) sum[c] += x[x_at(b, rows.element(h, k), columns.element(w, l)) + c];
            for (int64_t c = 0; c < C; ++c) y_hw[c] = sum[c] / places();
        }
    });
}

// ---- backward

template <class T>
void Pool2dOp<T>::backward() const {
    const int64_t image = rows.size * columns.size * C;
    parallel_rows(B, image, [&](int64_t b) {
        std::vector<A> sum(image);  // dx of the image
        for (int64_t h = 0; h < down(); ++h)
            for (int64_t w = 0; w < across(); ++w) {
                const T* dy_hw = dy + y_at(b, h, w);
                // forward: y_bhwc = max_kl x_bmnc, so:
                for (int64_t c = 0; pool == Pool::largest && c < C; ++c)
                    sum[first_largest(b, h, w, c) - b * image] += dy_hw[c];
                // forward: y_bhwc = sum_kl x_bmnc / (kh kw), so:
                const IndexRange ks = rows.places_inside(h), ls = columns.places_inside(w);
                for (int64_t k = ks.begin; pool == Pool::mean && k < ks.end; ++k)
                    for (int64_t l = ls.begin; l < ls.end; ++l)
                        for (int64_t c = 0; c < C; ++c)
                            sum[x_at(0, rows.element(h, k), columns.element(w, l)) + c] += dy_hw[c] / places();
            }
        for (int64_t i = 0; i < image; ++i) dx[b * image + i] = sum[i];
    });
}

// ---- autograd node

namespace {

struct Pool2dNode final : Node {
    Pool pool;
    Shape shape;  // of x
    Sliding sliding;
    Tensor x;  // of the largest alone

    std::string_view name() const override { return pool == Pool::largest ? "max_pool2d" : "avg_pool2d"; }
    std::vector<Saved> saved() const override {
        return x.defined() ? std::vector<Saved>{{"x", x}} : std::vector<Saved>{};
    }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(shape);
        run_backward(name(), dy, [&]<class T>(T) {
            return Pool2dOp<T>{pool,    shape[0], shape[3], sliding.rows(shape), sliding.columns(shape), ptr(x),
                               nullptr, ptr(dy),  ptr(dx)};
        });
        return {dx};
    }
};

// ---- public functions

Tensor pooled(std::string_view op, Pool pool, const Tensor& x, const Sliding& sliding) {
    const Shape& shape = x.shape();
    const Tensor y = x.empty_like(sliding.shape_over(op, shape, shape.rank() == 4 ? shape[3] : 0));
    const auto [kernel, stride, padding] = sliding;
    check(2 * padding.rows <= kernel.rows && 2 * padding.columns <= kernel.columns,
          "[{}] padding must be at most half the kernel {} x {}, got {} x {}", op, kernel.rows, kernel.columns,
          padding.rows, padding.columns);
    run_forward(op, x, [&]<class T>(T) {
        return Pool2dOp<T>{pool, shape[0], shape[3], sliding.rows(shape), sliding.columns(shape), ptr(x), ptr(y)};
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<Pool2dNode>();
    node->pool = pool;
    node->shape = shape;
    node->sliding = sliding;
    if (pool == Pool::largest) node->x = x.detached();
    return record(std::move(node), {x}, y);
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Extent kernel, Extent stride, Extent padding) {
    return pooled("max_pool2d", Pool::largest, x, {kernel, stride, padding});
}
Tensor avg_pool2d(const Tensor& x, Extent kernel, Extent stride, Extent padding) {
    return pooled("avg_pool2d", Pool::mean, x, {kernel, stride, padding});
}

// ---- gradient checks: kernels that overlap, and lie over borders

namespace {

std::vector<Tensor> some_map(Random random) { return {random_tensor({2, 4, 5, 3}, random.split(0))}; }
const DeclareGradientCase max_pool2d_case{{"max_pool2d", some_map, [](const std::vector<Tensor>& in) {
                                               return max_pool2d(in[0], {3, 2}, {2, 1}, {1, 0});
                                           }}};
const DeclareGradientCase avg_pool2d_case{{"avg_pool2d", some_map, [](const std::vector<Tensor>& in) {
                                               return avg_pool2d(in[0], {2, 3}, {1, 2}, {1, 1});
                                           }}};

}  // namespace
}  // namespace swingrad

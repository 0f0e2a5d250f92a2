// patch_merging(x [B, H, W, C]) -> [B, ceil(H/2), ceil(W/2), 4C]
//
// The gather of a patch merging layer: each 2 x 2 square of positions becomes one position of four times the channels.
// (The layer goes on with linear, 4C -> 2C, and layer_norm.)
//
//   y[b, h, w] = x[b, 2h, 2w] | x[b, 2h+1, 2w] | x[b, 2h, 2w+1] | x[b, 2h+1, 2w+1]
//
// The row offset varies fastest: block k holds row offset k mod 2 and column offset k / 2. Where H or W is odd, the
// last squares reach over the edge and what lies there is 0.
//
// Backward. Every element of x is in exactly one place of y, so dx is the same walk with the copies turned round; the
// blocks of dy that stand for the outside are dropped.
//
// Saved: nothing but the shape of x.
// Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.1. Test: tests/image/test_patch_merging.cpp.

#include "cuda/image/patch_merging.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {
namespace {

Shape merged(const Shape& x) { return {x[0], (x[1] + 1) / 2, (x[2] + 1) / 2, 4 * x[3]}; }

// Calls body(from, to) for every block of C channels in y: `from` is the position of its first element in x, -1 for
// a block outside; `to` its position in y.
template <class Body>
void for_each_block(const Shape& x, const Body& body) {
    const int64_t H = x[1], W = x[2], C = x[3], half_H = (H + 1) / 2, half_W = (W + 1) / 2;
    parallel_for(x[0] * half_H, [&](int64_t piece) {  // a row of y
        const int64_t b = piece / half_H, h = piece % half_H;
        for (int64_t w = 0; w < half_W; ++w)
            for (int64_t block = 0; block < 4; ++block) {
                const int64_t row = 2 * h + block % 2, column = 2 * w + block / 2;
                const int64_t to = ((piece * half_W + w) * 4 + block) * C;
                body(row < H && column < W ? ((b * H + row) * W + column) * C : -1, to);
            }
    });
}

// ---- CPU forward

template <class T>
void forward(const Shape& shape, const T* x, T* y) {
    const int64_t C = shape[3];
    for_each_block(shape, [=](int64_t from, int64_t to) {
        if (from >= 0) std::copy_n(x + from, C, y + to);
        else std::fill_n(y + to, C, T(0));
    });
}

// ---- CPU backward

template <class T>
void backward(const Shape& shape, const T* dy, T* dx) {
    const int64_t C = shape[3];
    for_each_block(shape, [=](int64_t from, int64_t to) {
        if (from >= 0) std::copy_n(dy + to, C, dx + from);
    });
}

// ---- autograd node

struct PatchMergingNode final : Node {
    Shape shape;  // of x

    std::string_view name() const override { return "patch_merging"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(shape);
        on_device_of(
            "patch_merging", dy, [&]<class T>(T) { swingrad::backward(shape, dy.data<T>(), dx.data<T>()); },
            [&]<class T>(T) {
                cuda::patch_merging_backward(shape[0], shape[1], shape[2], shape[3], dy.device_data<T>(),
                                             dx.device_data<T>());
            });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor patch_merging(const Tensor& x) {
    check(x.shape().rank() == 4, "[patch_merging] x must be [B, H, W, C], got {}", x.shape());
    const Shape& shape = x.shape();
    const Tensor y = x.empty_like(merged(shape));
    on_device_of(
        "patch_merging", x, [&]<class T>(T) { forward(shape, x.data<T>(), y.data<T>()); },
        [&]<class T>(T) {
            cuda::patch_merging_forward(shape[0], shape[1], shape[2], shape[3], x.device_data<T>(), y.device_data<T>());
        });
    if (!recording({x})) return y;
    auto node = std::make_unique<PatchMergingNode>();
    node->shape = x.shape();
    return record(std::move(node), {x}, y);
}

// ---- gradient check

const DeclareGradientCase patch_merging_case{{
    "patch_merging",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 4, 6, 3}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) { return patch_merging(in[0]); },
}};

const DeclareGradientCase patch_merging_odd_case{{
    "patch_merging/odd",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 5, 2}, random.split(0))};
    },
    [](const std::vector<Tensor>& in) { return patch_merging(in[0]); },
}};

}  // namespace swingrad

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
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>

namespace swingrad {

// ---- forward

template <class T>
void PatchMergingOp<T>::forward() const {
    const int64_t half_H = (H + 1) / 2, half_W = (W + 1) / 2;
    parallel_rows(B * half_H * half_W, 4 * C, [&](int64_t position) {  // of y
        const int64_t b = position / half_W / half_H, h = position / half_W % half_H, w = position % half_W;
        for (int64_t block = 0; block < 4; ++block) {
            const int64_t row = 2 * h + block % 2, column = 2 * w + block / 2;
            const int64_t from = ((b * H + row) * W + column) * C, to = (position * 4 + block) * C;
            if (row < H && column < W) std::copy_n(x + from, C, y + to);
            else std::fill_n(y + to, C, T(0));
        }
    });
}

// ---- backward

template <class T>
void PatchMergingOp<T>::backward() const {
    const int64_t half_H = (H + 1) / 2, half_W = (W + 1) / 2;
    parallel_rows(B * half_H * half_W, 4 * C, [&](int64_t position) {
        const int64_t b = position / half_W / half_H, h = position / half_W % half_H, w = position % half_W;
        for (int64_t block = 0; block < 4; ++block) {
            const int64_t row = 2 * h + block % 2, column = 2 * w + block / 2;
            const int64_t from = ((b * H + row) * W + column) * C, to = (position * 4 + block) * C;
            // forward: y from `to` on = x from `from` on, of what is inside, so:
            if (row < H && column < W) std::copy_n(dy + to, C, dx + from);
        }
    });
}

// ---- autograd node

namespace {

struct PatchMergingNode final : Node {
    Shape shape;  // of x

    std::string_view name() const override { return "patch_merging"; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        const Tensor dx = dy.empty_like(shape);
        run_backward(name(), dy, [&]<class T>(T) {
            return PatchMergingOp<T>{
                .B = shape[0], .H = shape[1], .W = shape[2], .C = shape[3], .dy = ptr(dy), .dx = ptr(dx)};
        });
        return {dx};
    }
};

}  // namespace

// ---- public function

Tensor patch_merging(const Tensor& x) {
    const Shape& shape = x.shape();
    check(shape.rank() == 4, "[patch_merging] x must be [B, H, W, C], got {}", shape);
    const Tensor y = x.empty_like({shape[0], (shape[1] + 1) / 2, (shape[2] + 1) / 2, 4 * shape[3]});
    run_forward("patch_merging", x, [&]<class T>(T) {
        return PatchMergingOp<T>{.B = shape[0], .H = shape[1], .W = shape[2], .C = shape[3], .x = ptr(x), .y = ptr(y)};
    });
    if (!recording({x})) return y;
    auto node = std::make_unique<PatchMergingNode>();
    node->shape = shape;
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

// pixel_shuffle(x [B, H, W, C r r], r) -> [B, H r, W r, C]
// pixel_unshuffle(x [B, H r, W r, C], r) -> [B, H, W, C r r], its inverse
//
// The channels of each position are spread over a square of r x r positions, i and j the row and column in it; so a map
// of tokens becomes an image:
//
//   y[b, h r + i, w r + j, c] = x[b, h, w, c r r + i r + j]
//
// The order of the channels is PyTorch's: a square of one output channel is r r neighbouring channels, row by row.
//
// Both are a permute between two reshapes, and have no backward of their own. With the axes split,
//
//   x [B, H, W, C, r, r]   at (b, h, w, c, i, j)          y [B, H, r, W, r, C]   at (b, h, i, w, j, c)
//
// so the axes of y are 0, 1, 4, 2, 5, 3 of x, and those of x are 0, 1, 3, 5, 2, 4 of y.
// Saved: nothing.
// Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
// neural network", arXiv 1609.05158. Test: tests/image/test_pixel_shuffle.cpp.

#include "autograd/gradcheck.h"
#include "ops/ops.h"

namespace swingrad {

// ---- public functions

Tensor pixel_shuffle(const Tensor& x, int64_t r) {
    check(r > 0, "[pixel_shuffle] r must be at least 1, got {}", r);
    check(x.shape().rank() == 4 && x.shape()[3] % (r * r) == 0, "[pixel_shuffle] x must be [B, H, W, C {} {}], got {}",
          r, r, x.shape());
    const int64_t B = x.shape()[0], H = x.shape()[1], W = x.shape()[2], C = x.shape()[3] / (r * r);
    return reshape(permute(reshape(x, {B, H, W, C, r, r}), {0, 1, 4, 2, 5, 3}), {B, H * r, W * r, C});
}

Tensor pixel_unshuffle(const Tensor& x, int64_t r) {
    check(r > 0, "[pixel_unshuffle] r must be at least 1, got {}", r);
    check(x.shape().rank() == 4 && x.shape()[1] % r == 0 && x.shape()[2] % r == 0,
          "[pixel_unshuffle] x must be [B, H {}, W {}, C], got {}", r, r, x.shape());
    const int64_t B = x.shape()[0], H = x.shape()[1] / r, W = x.shape()[2] / r, C = x.shape()[3];
    return reshape(permute(reshape(x, {B, H, r, W, r, C}), {0, 1, 3, 5, 2, 4}), {B, H, W, C * r * r});
}

// ---- gradient checks

const DeclareGradientCase pixel_shuffle_case{{
    "pixel_shuffle",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 2, 12}, random)};
    },
    [](const std::vector<Tensor>& in) { return pixel_shuffle(in[0], 2); },
}};

const DeclareGradientCase pixel_unshuffle_case{{
    "pixel_unshuffle",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 6, 2}, random)};
    },
    [](const std::vector<Tensor>& in) { return pixel_unshuffle(in[0], 3); },
}};

}  // namespace swingrad

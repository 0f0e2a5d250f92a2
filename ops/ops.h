// Every operation, one line each: the page to keep open.
//
// (p) primitive: has a backward of its own.  (f) fused: a primitive that does in one pass what the named composition
// does in several; the tests compare the two.
// Shapes: B batch, H and W rows and columns of a map, C channels, K classes, N tokens in a window, nW windows in an
// image, h heads, [...] any leading axes. All tensors of one call have one floating dtype, float32 or float64.
#pragma once

#include "autograd/tape.h"
#include "core/random.h"
#include "ops/window.h"

#include <optional>

namespace swingrad {

// ---- pointwise (p): y_i = f(x_i), equal shapes
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor scale(const Tensor& x, double factor);
Tensor relu(const Tensor& x);     // max(x, 0); slope 0 at 0
Tensor gelu(const Tensor& x);     // x Phi(x), Phi the normal distribution function (erf form)
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);

// ---- broadcast and reduction (p)
Tensor broadcast_to(const Tensor& x, const Shape& shape);  // axes of size 1, and missing leading axes, are repeated
Tensor sum_to(const Tensor& x, const Shape& shape);        // the transpose of broadcast_to: sums what it would repeat
Tensor sum(const Tensor& x);                               // all elements, to a scalar
Tensor mean(const Tensor& x);                              // all elements, to a scalar

// ---- layout (p): the same elements elsewhere
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor permute(const Tensor& x, const std::vector<int>& axes);  // y's axis i is x's axis axes[i]
Tensor rows(const Tensor& x, int64_t begin, int64_t end);       // of the leading axis

// ---- products
Tensor linear(const Tensor& x, const Tensor& weight,
              const Tensor& bias = {});           // (p) [..., I] W^T + b, weight [O, I], bias [O]
Tensor matmul(const Tensor& a, const Tensor& b);  // (p) [..., M, K] [..., K, N], equal leading axes
Tensor mlp(const Tensor& x, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2,
           const Tensor& bias2);  // (f) linear(gelu(linear(x)))

// ---- normalisation
Tensor softmax(const Tensor& x);                           // (p) over the last axis
Tensor l2_normalise(const Tensor& x, double eps = 1e-12);  // (p) x / max(|x|, eps) over the last axis
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  double eps = 1e-5);  // (p) over the last axis
Tensor residual_norm(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias,
                     const Tensor& keep = {},
                     double eps = 1e-5);  // (f) x + keep_b layer_norm(y); keep [B] of drop_path_keep

// ---- images and maps (p)
Tensor patch_embedding(const Tensor& images, const Tensor& weight,
                       const Tensor& bias);  // [B, H, W, I], weight [C, I, p, q] -> [B, H/p, W/q, C]
Tensor patch_merging(const Tensor& x);       // [B, H, W, C] -> [B, ceil(H/2), ceil(W/2), 4C]; odd sizes padded with 0
Tensor mean_pool(const Tensor& x);           // [B, H, W, C] -> [B, C]

// ---- windows: roll, pad and cut as one table of indices (ops/window.h)
Tensor window_partition(const Tensor& x, const WindowMap& map);      // (p) [B, H, W, C] -> [B nW, N, C]
Tensor window_reverse(const Tensor& windows, const WindowMap& map);  // (p) [B nW, N, C] -> [B, H, W, C]

// ---- attention
Tensor qkv_bias(const Tensor& q, const Tensor& v);  // (p) [C], [C] -> [q | 0 | v] of [3C]
Tensor log_cpb(const Tensor& coordinates, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2,
               const WindowMap& map);  // (f) position bias [h, N, N]
Tensor cosine_attention(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& bias,
                        const WindowMap& map);  // (f) [B, H, W, 3C] -> [B, H, W, C]

// ---- regularisation and loss
Tensor drop_path_keep(int64_t batch, double rate, Random random, DType dtype);  // [B] of 0 or 1/(1 - rate); a constant
Tensor drop_path(const Tensor& x, const Tensor& keep);                          // (p) x_b keep_b over the leading axis
Tensor cross_entropy(const Tensor& logits, const Tensor& labels,
                     double smoothing = 0);  // (p) mean over B; labels int64 [B], logits [B, K]
Tensor cross_entropy_soft(const Tensor& logits, const Tensor& targets);  // (p) mean over B; targets [B, K], constants

}  // namespace swingrad

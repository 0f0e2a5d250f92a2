// Every operation on one page.
//
// (p) primitive: has a backward of its own.
// (f) fused: does in one pass what the composition in brackets does in several; the tests compare it with that
//     composition, or with plain loops.
// (c) composed: a few lines of other operations, whose backward passes are its own.
//
// Shapes: B batch, H and W rows and columns of a map, C channels, K classes, N tokens in a window, nW windows in an
// image, R offsets between two tokens of a window, h heads, D = C / h, U hidden units, I and O channels in and out,
// [...] any leading axes. An axis given as a number counts from 0 or, below 0, from the end; permute's count from 0.
//
// All tensors of one call live on one device and have one floating dtype: float32, float64, bfloat16 or, on the CPU,
// dual (core/dual.h). With bfloat16 the factors of products are bfloat16 too (weights of linear, mlp and patch
// embeddings), and so is the weight of embedding, whose rows are activations. Float32 are all parameters with a number
// for each channel or head (biases, gains, tables, logit_scale), what drop path keeps, and losses.
#pragma once

#include "autograd/tape.h"
#include "core/random.h"
#include "ops/operators.h"
#include "ops/window.h"

#include <optional>

namespace swingrad {

// ---- pointwise (p): y_i = f(x_i). Operands of several repeat to one shape as NumPy's and PyTorch's do: aligned at
// their last axes, where one is missing or has size 1. Also as operators (ops/operators.h): a + b, 1 - x, x / 2, -x
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor divide(const Tensor& a, const Tensor& b);
// a where condition, uint8 and a constant, is not 0, else b
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor scale(const Tensor& x, double factor);
// factor x + offset
Tensor affine(const Tensor& x, double factor, double offset);
Tensor relu(const Tensor& x);     // max(x, 0); slope 0 at 0
Tensor gelu(const Tensor& x);     // x Phi(x), Phi the normal distribution function (erf form)
Tensor silu(const Tensor& x);     // x sigmoid(x)
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor tanh(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor abs(const Tensor& x);   // slope 0 at 0
Tensor sqrt(const Tensor& x);  // slope infinite at 0
Tensor reciprocal(const Tensor& x);
Tensor pow(const Tensor& x, double exponent);  // NaN below 0, unless exponent is an integer

// ---- broadcast and reduction (p)
// repeats axes of size 1 and missing leading axes; sum_to is its transpose, and sums what it would repeat. Where there
// is nothing to do the result shares x's memory, as reshape's does
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor sum_to(const Tensor& x, const Shape& shape);
Tensor sum(const Tensor& x);   // of all elements, a scalar
Tensor mean(const Tensor& x);  // of all elements, a scalar
// (c) over some axes, which keepdim leaves with size 1
Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keepdim = false);
Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keepdim = false);
// (c) the largest along an axis, the gradient going to the first of several; a NaN is larger than any number
Tensor max(const Tensor& x, int axis, bool keepdim = false);
// where it is, int64: the least index of several; no gradient
Tensor argmax(const Tensor& x, int axis, bool keepdim = false);

// ---- layout (p): the same elements elsewhere
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor permute(const Tensor& x, const std::vector<int>& axes);        // y's axis i is x's axis axes[i]
Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end);  // [begin, end) of that axis
// joins parts along an axis; all other axes must be equal. split: (c) the inverse, into parts of these sizes
Tensor concat(const std::vector<Tensor>& parts, int axis);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis);
Tensor stack(const std::vector<Tensor>& parts, int axis);  // (c) joins equal shapes along a new axis
// y[i][j][k] = x[i][index[i][j][k]][k] (axis 1 of 3): index int64, no larger than x but along the axis, y of its shape.
// An index out of range is an error; on a device, where it cannot be looked at in time, y is NaN there
Tensor gather(const Tensor& x, int axis, const Tensor& index);
// weight [V, C], index int64 [...] -> its rows [..., C]; an index out of range as above
Tensor embedding(const Tensor& weight, const Tensor& index);

// ---- products
// (p) x [..., I], weight [O, I], bias [O] or none -> x weight^T + bias [..., O]
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
// (p) a [..., M, K], b [..., K, N], equal leading axes -> [..., M, N]
Tensor matmul(const Tensor& a, const Tensor& b);
// (f) [linear(gelu(linear(x, weight1, bias1)), weight2, bias2)]
Tensor mlp(const Tensor& x, const Tensor& weight1, const Tensor& bias1, const Tensor& weight2, const Tensor& bias2);

// ---- convolution and pools (p), on maps; what slides takes (H + 2 padding - kernel) / stride + 1 positions
struct Conv2dOptions {
    Extent stride = {1, 1}, padding = {0, 0};
    int64_t groups = 1;
};
// x [B, H, W, I], weight [O, I / groups, kh, kw], bias [O] or none -> [B, H', W', O]
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});
// [B, H, W, C] -> [B, H', W', C]: of what is under the kernel the largest, padding counting as -infinity, or the mean,
// padding counting as 0. At most half the kernel may be on padding
Tensor max_pool2d(const Tensor& x, Extent kernel, Extent stride, Extent padding = {});
Tensor avg_pool2d(const Tensor& x, Extent kernel, Extent stride, Extent padding = {});

// ---- normalisation, over the last axis
// (p) e^x / sum e^x
Tensor softmax(const Tensor& x);
// (p) x / max(|x|, eps)
Tensor l2_normalise(const Tensor& x, double eps = 1e-12);
// (p) to mean 0 and variance 1, times weight [C], plus bias [C]
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
// (p) each channel to mean 0 and variance 1, times weight [C], plus bias [C]. In training over all rows of x [..., C],
// and running_mean and running_var [C], unless they are left out, go on towards the statistics, in place:
// running = (1 - momentum) running + momentum new; else by the running ones
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum = 0.1, double eps = 1e-5);
// (f) [add(x, drop_path(layer_norm(y, weight, bias), keep))]; keep [B] of drop_path_keep, or none. y may have the kept
// samples of x only
Tensor residual_norm(const Tensor& x, const Tensor& y, const Tensor& weight, const Tensor& bias,
                     const Tensor& keep = {}, double eps = 1e-5);

// ---- images and maps (p)
// images [B, H, W, I], weight [C, I, p, q], bias [C] -> [B, ceil(H/p), ceil(W/q), C]; images that are not whole patches
// are padded with 0 at the bottom and the right
Tensor patch_embedding(const Tensor& images, const Tensor& weight, const Tensor& bias);
// [B, H, W, C] -> [B, ceil(H/2), ceil(W/2), 4C]: 2 x 2 neighbours side by side; odd sizes padded with 0
Tensor patch_merging(const Tensor& x);
// [B, H, W, C] -> [B, C]
Tensor global_average_pool(const Tensor& x);
// [B, H, W, C] -> [B, size.rows, size.columns, C], interpolated at half-pixel centres with borders repeated and without
// antialiasing, as torch.nn.functional.interpolate does (bicubic: a = -0.75); x itself where it has that size
enum class Resize : uint8_t { bilinear, bicubic };
Tensor resize(const Tensor& x, Extent size, Resize method);
// x [B, H, W, C] with token [C] at the positions where mask [B, H, W], a constant, is 1 and not 0: uint8 or of x's type
Tensor mask_tokens(const Tensor& x, const Tensor& token, const Tensor& mask);
// (c) [B, H, W, C r r] -> [B, H r, W r, C] in PyTorch's order of channels, and back
Tensor pixel_shuffle(const Tensor& x, int64_t r);
Tensor pixel_unshuffle(const Tensor& x, int64_t r);

// ---- a trained model's parameters for other sizes (c)
// patch_embedding's weight [C, I, p, q] -> [C, I, patch.rows, patch.columns], so that a patch resized bilinearly is
// embedded as it was: exactly where no axis gets smaller, else with the least mean squared error
Tensor resample_patch_weight(const Tensor& weight, Extent patch);
// a learnt table of position bias, [(2 Mh - 1) (2 Mw - 1), h] for windows Mh x Mw, rows outermost; bicubic
Tensor resample_bias_table(const Tensor& table, Extent from_window, Extent to_window);

// ---- windows (p): roll, pad and cut as one table of indices (ops/window.h)
Tensor window_partition(const Tensor& x, const WindowMap& map);      // [B, H, W, C] -> [B nW, N, C]
Tensor window_reverse(const Tensor& windows, const WindowMap& map);  // [B nW, N, C] -> [B, H, W, C]

// ---- attention; of a map, or of a sequence, causal or not, as a map of 1 x T (make_sequence_map)
// (p) q [C], v [C] -> [q | 0 | v] [3C]
Tensor qkv_bias(const Tensor& q, const Tensor& v);
// (f) [16 sigmoid(linear(relu(linear(coordinates, weight1, bias1)), weight2))]: coordinates [R, 2] of
// relative_coordinates -> position bias by offset [R, h]
Tensor continuous_position_bias(const Tensor& coordinates, const Tensor& weight1, const Tensor& bias1,
                                const Tensor& weight2);
// (p) table [R, h] by offset -> by pair [h, N, N]
Tensor relative_bias(const Tensor& table, const WindowMap& map);
// (f) [window_partition, l2_normalise, matmul, relative_bias, softmax, matmul, window_reverse]: qkv [B, H, W, 3C],
// logit_scale [h, 1, 1] -> [B, H, W, C]. padding [3C]: q, k and v of a padded token; may be left out where the map
// needs no padding. bias_table [R, h]: position bias; may be left out for none. Where the map is causal, the weights of
// later tokens are 0
Tensor cosine_attention(const Tensor& qkv, const Tensor& padding, const Tensor& logit_scale, const Tensor& bias_table,
                        const WindowMap& map);
// (f) the same with q k^T / sqrt(D) for the score
Tensor dot_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& bias_table,
                     const WindowMap& map);
// (f) [linear, cosine_attention or, without logit_scale, dot_attention, linear]: x [B, H, W, C], qkv_weight [3C, C],
// qkv_bias [3C] or none, logit_scale [h, 1, 1] or none, bias_table [R, h] or none, proj_weight [C, C], proj_bias [C] ->
// [B, H, W, C]. A padded token's q, k and v are qkv_bias, or 0
Tensor multi_head_attention(const Tensor& x, const Tensor& qkv_weight, const Tensor& qkv_bias, int64_t heads,
                            const Tensor& logit_scale, const Tensor& bias_table, const Tensor& proj_weight,
                            const Tensor& proj_bias, const WindowMap& map);
// (f) either of these attentions (logit_scale given or not), tile by tile: nothing of size N x N, neither kept nor made
Tensor sequential_attention(const Tensor& qkv, const Tensor& padding, int64_t heads, const Tensor& logit_scale,
                            const Tensor& bias_table, const WindowMap& map);

// ---- regularisation and loss
// (p) each element 0 with probability `rate`, else times 1 / (1 - rate); for training only. x itself where rate is 0
Tensor dropout(const Tensor& x, double rate, Random random);
// (p) the same by the Random whose seed and stream are in `random`, int64 [2] on x's device, when it computes: for
// steps that are captured and launched again
Tensor dropout(const Tensor& x, double rate, const Tensor& random);
// [B] of 0 (with probability `rate`) or 1 / (1 - rate); a constant. dtype: float32, float64 or dual
Tensor drop_path_keep(int64_t batch, double rate, Random random, DType dtype, Device device = Device::cpu);
// (p) x_b keep_b over the leading axis
Tensor drop_path(const Tensor& x, const Tensor& keep);
// (p) x [B, ...] -> the K samples with keep_b != 0 [K, ...], and back, zeros for the others: what is between need not
// be computed for what is dropped
Tensor select_kept(const Tensor& x, const Tensor& keep);
Tensor restore_dropped(const Tensor& y, const Tensor& keep);
// (c) a residual branch, x + drop_path(branch(x), keep): residual_add(x, branch(branch_samples(x, keep)), keep). What
// is dropped is not computed on the CPU; on a device it is. keep undefined: no drop path
Tensor branch_samples(const Tensor& x, const Tensor& keep);
Tensor residual_add(const Tensor& x, const Tensor& y, const Tensor& keep);
// (p) mean over the batch; logits [B, K], labels int64 [B], target
// label_smoothing/K + (1 - label_smoothing) [c = label]. A label that is not in 0..K-1 is an error; on a device, where
// it cannot be looked at in time, it makes the loss NaN. Samples with the label `ignored`, which may be any number,
// count for nothing: the mean is over the others, and 0 where there are none
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0,
                     std::optional<int64_t> ignored = {});
// (p) mean over the batch; targets [B, K], constants
Tensor cross_entropy_soft(const Tensor& logits, const Tensor& targets);

}  // namespace swingrad

// patch_embedding(images [B, H, W, I], weight [C, I, p, q], bias [C]) -> [B, ceil(H/p), ceil(W/q), C]
//
// The image is cut into patches of p rows and q columns that do not overlap, and each is mapped linearly to C channels:
// a convolution whose stride is its kernel. With r = (b, h, w) for a patch and j = (i, row, column) for a place in it:
//
//   patch_rj = images[b, h p + row, w q + column, i]          (im2col: a copy, nothing is computed)
//              0 where that is beyond the bottom or the right: the last patches may hang over
//   y_rc = bias_c + sum_j patch_rj weight_cj
//
// Backward. That of linear, on the rows patch_r; and since every element of images is in exactly one place of patch,
// the way back from dpatch to dimages is the same copy turned round. What arrives at the padding belongs to a constant:
//
//   dpatch_rj = sum_c dy_rc weight_cj      dweight_cj = sum_r dy_rc patch_rj      dbias_c = sum_r dy_rc
//
// Order: images are channel-last, but the weight comes as [C, I, p, q], as a convolution's does. So the numbers of a
// patch are put into the weight's order.
// Saved: images and weight. patch would be the images again; backward copies it again.
// Source: Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929.
// Test: tests/image/test_patch_embedding.cpp.

#include "cuda/image/patch_embedding.h"
#include "core/threads.h"
#include "ops/operation.h"
#include "ops/ops.h"

namespace swingrad {
namespace {

// Where patch_rj lies in images; -1 beyond the bottom or the right.
template <class T>
int64_t place_in_images(const PatchEmbeddingOp<T>& op, int64_t r, int64_t j) {
    const int64_t w = r % op.across(), h = r / op.across() % op.down(), b = r / op.across() / op.down();
    const int64_t column = w * op.q + j % op.q, row = h * op.p + j / op.q % op.p, i = j / op.q / op.p;
    return row < op.H && column < op.W ? ((b * op.H + row) * op.W + column) * op.I + i : -1;
}

// patch_r
template <class T>
std::vector<acc_type<T>> patch_of(const PatchEmbeddingOp<T>& op, int64_t r) {
    std::vector<acc_type<T>> patch(op.patch_size());
    for (int64_t j = 0; j < op.patch_size(); ++j)
        if (const int64_t place = place_in_images(op, r, j); place >= 0) patch[j] = op.images[place];
    return patch;
}

}  // namespace

// ---- forward

template <class T>
void PatchEmbeddingOp<T>::forward() const {
    const int64_t J = patch_size();
    parallel_rows(patches(), C * J, [&](int64_t r) {
        const std::vector<A> patch = patch_of(*this, r);
        for (int64_t c = 0; c < C; ++c) {
            A sum = bias[c];
            for (int64_t j = 0; j < J; ++j) sum += patch[j] * weight[c * J + j];
            y[r * C + c] = sum;
        }
    });
}

// ---- backward

template <class T>
void PatchEmbeddingOp<T>::backward() const {
    const int64_t J = patch_size(), R = patches();
    std::vector<A> dweight_sum(C * J);
    for (int64_t c = 0; c < C; ++c) dbias[c] = 0;
    for (int64_t r = 0; r < R; ++r) {
        const std::vector<A> patch = patch_of(*this, r);
        std::vector<A> dpatch(J);
        // forward: y_rc = bias_c + sum_j patch_rj weight_cj, so:
        for (int64_t c = 0; c < C; ++c) {
            const A dy_rc = dy[r * C + c];
            dbias[c] += dy_rc;
            for (int64_t j = 0; j < J; ++j) dweight_sum[c * J + j] += dy_rc * patch[j];
            for (int64_t j = 0; j < J; ++j) dpatch[j] += dy_rc * weight[c * J + j];
        }
        // forward: patch_rj = images[place], so:
        for (int64_t j = 0; j < J; ++j)
            if (const int64_t place = place_in_images(*this, r, j); dimages && place >= 0) dimages[place] = dpatch[j];
    }
    for (int64_t i = 0; i < C * J; ++i) dweight[i] = dweight_sum[i];
}

// ---- autograd node

namespace {

// The sizes and operands that forward and backward share.
template <class T>
PatchEmbeddingOp<T> operands(const Tensor& images, const Tensor& weight) {
    const Shape &x = images.shape(), &w = weight.shape();
    PatchEmbeddingOp<T> op{.B = x[0], .H = x[1], .W = x[2], .I = x[3], .C = w[0], .p = w[2], .q = w[3]};
    op.images = ptr(images), op.weight = ptr(weight);
    return op;
}

struct PatchEmbeddingNode final : Node {
    Tensor images, weight;  // [B, H, W, I], [C, I, p, q]

    std::string_view name() const override { return "patch_embedding"; }
    std::vector<Saved> saved() const override { return {{"images", images}, {"weight", weight}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const Tensor dimages = needs_input_grad[0] ? images.empty_like(images.shape()) : Tensor();
        const Tensor dweight = gradient_memory(1, weight);
        const Tensor dbias = gradient_memory(2, {weight.shape()[0]}, acc_dtype(images.dtype()), images.device());
        run_backward(name(), images, [&]<class T>(T) {
            auto op = operands<T>(images, weight);
            op.dy = ptr(dy), op.dimages = ptr(dimages), op.dweight = ptr(dweight), op.dbias = ptr(dbias);
            return op;
        });
        return {dimages, dweight, dbias};
    }
};

}  // namespace

// ---- public function

Tensor patch_embedding(const Tensor& images, const Tensor& weight, const Tensor& bias) {
    check(images.shape().rank() == 4, "[patch_embedding] images must be [B, H, W, I], got {}", images.shape());
    const int64_t I = images.shape()[3];
    check(weight.shape().rank() == 4 && weight.shape()[1] == I && weight.shape().numel() > 0,
          "[patch_embedding] weight must be [C, {}, p, q], got {}", I, weight.shape());
    const int64_t C = weight.shape()[0];
    check(bias.shape() == Shape{C}, "[patch_embedding] bias must be [{}], got {}", C, bias.shape());

    check_one_device("patch_embedding", {{"images", images}, {"weight", weight}, {"bias", bias}});

    const int64_t p = weight.shape()[2], q = weight.shape()[3];
    const Tensor y =
        images.empty_like({images.shape()[0], (images.shape()[1] + p - 1) / p, (images.shape()[2] + q - 1) / q, C});
    run_forward("patch_embedding", images, [&]<class T>(T) {
        auto op = operands<T>(images, weight);
        op.bias = ptr(bias), op.y = ptr(y);
        return op;
    });
    if (!recording({images, weight, bias})) return y;
    auto node = std::make_unique<PatchEmbeddingNode>();
    node->images = images.detached();
    node->weight = weight.detached();
    return record(std::move(node), {images, weight, bias}, y);
}

// ---- gradient checks: whole patches, a patch of one pixel, a large one, images that are not whole patches

namespace {

std::vector<Tensor> inputs(Random random, const Shape& images, const Shape& weight) {
    return {random_tensor(images, random.split(0)), random_tensor(weight, random.split(1)),
            random_tensor({weight[0]}, random.split(2))};
}
Tensor embedded(const std::vector<Tensor>& in) { return patch_embedding(in[0], in[1], in[2]); }
const DeclareGradientCase patch_embedding_case{{
    "patch_embedding",
    [](Random random) {
        return inputs(random, {2, 4, 9, 2}, {5, 2, 2, 3});
    },
    embedded,
}};
const DeclareGradientCase pixel_case{{
    "patch_embedding/1x1",
    [](Random random) {
        return inputs(random, {2, 3, 2, 3}, {4, 3, 1, 1});
    },
    embedded,
}};
const DeclareGradientCase large_case{{
    "patch_embedding/7x7",
    [](Random random) {
        return inputs(random, {1, 7, 14, 2}, {3, 2, 7, 7});
    },
    embedded,
}};
const DeclareGradientCase padded_case{{
    "patch_embedding/padded",
    [](Random random) {
        return inputs(random, {2, 4, 7, 2}, {5, 2, 3, 4});
    },
    embedded,
}};

}  // namespace
}  // namespace swingrad

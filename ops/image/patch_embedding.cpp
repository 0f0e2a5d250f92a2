// patch_embedding(images [B, H, W, I], weight [C, I, p, q], bias [C]) -> [B, ceil(H/p), ceil(W/q), C]
//
// The image is cut into patches of p rows and q columns that do not overlap, and each is mapped linearly to C channels:
// a convolution whose stride is its kernel. With r = (b, h, w) for a patch and j = (row, column, i) for a place in it:
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
// Order: the weight comes as [C, I, p, q], as a convolution's does, but images are channel-last. The weight, a few
// thousand numbers, is put into the order [C, p, q, I] once a call; then a row of a patch is q I numbers that lie
// together in the image, and im2col copies runs, of which the part inside the image is a run too. Kernels copy element
// by element, so theirs leaves the weight as it is and puts a patch into its order.
// Saved: images and weight. patch would be the images again; it is made piece by piece, by kernels as a whole, and
// forgotten.
// Source: Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929. Test: tests/image/test_patch_embedding.cpp.

#include "cuda/image/patch_embedding.h"
#include "autograd/gradcheck.h"
#include "core/gemm/gemm.h"
#include "core/operands.h"
#include "core/gemm/packed_operand.h"
#include "core/threads.h"
#include "cuda/runtime/gemm.h"
#include "cuda/toolkit/sums.h"
#include "ops/ops.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

struct Geometry {
    int64_t B, H, W, I;  // images
    int64_t C, p, q;     // weight [C, I, p, q]

    Geometry(const Shape& images, const Shape& weight)
        : B(images[0]), H(images[1]), W(images[2]), I(images[3]), C(weight[0]), p(weight[2]), q(weight[3]) {}
    int64_t down() const { return (H + p - 1) / p; }    // patches in a column of them
    int64_t across() const { return (W + q - 1) / q; }  // and in a row
    int64_t patches() const { return B * down() * across(); }
    int64_t patch_size() const { return p * q * I; }
};

// Calls body(in_images, in_patches, inside) for every run of q I numbers in patches [begin, end): where it lies in
// images and in the rows of patch, of which row 0 is patch `begin`, and how many of its numbers are inside the image.
template <class Body>
void for_each_run(const Geometry& g, int64_t begin, int64_t end, const Body& body) {
    const int64_t across = g.across(), down = g.down();
    for (int64_t r = begin; r < end; ++r) {
        const int64_t w = r % across, h = r / across % down, b = r / across / down;
        const int64_t columns = std::min(g.q, g.W - w * g.q), rows = std::min(g.p, g.H - h * g.p);
        for (int64_t row = 0; row < g.p; ++row)
            body(((b * g.H + h * g.p + row) * g.W + w * g.q) * g.I, ((r - begin) * g.p + row) * g.q * g.I,
                 row < rows ? columns * g.I : 0);
    }
}

template <class T>
void im2col(const Geometry& g, int64_t begin, int64_t end, const T* images, T* patch) {
    const int64_t run = g.q * g.I;
    for_each_run(g, begin, end, [&](int64_t from, int64_t to, int64_t inside) {
        if (inside > 0) std::copy_n(images + from, inside, patch + to);
        if (inside < run) std::fill(patch + to + inside, patch + to + run, T(0));
    });
}

// Calls body(at, at_last) for every weight: its place in [C, I, p, q] and, channel last, in [C, p, q, I].
template <class Body>
void for_each_weight(const Geometry& g, const Body& body) {
    const int64_t places = g.p * g.q;
    for (int64_t c = 0; c < g.C; ++c)
        for (int64_t i = 0; i < g.I; ++i)
            for (int64_t place = 0; place < places; ++place)
                body((c * g.I + i) * places + place, (c * places + place) * g.I + i);
}

template <class T>
Tensor channel_last(const Geometry& g, const T* weight) {
    Tensor result = Tensor::empty({g.C, g.patch_size()}, dtype_of<T>());
    T* to = result.data<T>();
    for_each_weight(g, [&](int64_t at, int64_t at_last) { to[at_last] = weight[at]; });
    return result;
}

// ---- CPU forward

template <class T>
void forward(const Geometry& g, const T* images, const T* weight, const acc_type<T>* bias, T* y) {
    const int64_t J = g.patch_size(), C = g.C;
    const PackedOperand<T> weight_t(transposed, C, J, channel_last(g, weight).template data<T>(), J);
    parallel_chunks(g.patches(), rows_a_piece(g.patches()), [&](int64_t begin, int64_t end) {
        const Tensor patch = Tensor::empty({end - begin, J}, dtype_of<T>());
        im2col(g, begin, end, images, patch.data<T>());
        multiply(plain, end - begin, patch.data<T>(), J, weight_t, y + begin * C, C, InitialValue<acc_type<T>>::row(bias));
    });
}

// ---- CPU backward

// dimages of patches [begin, end).
template <class T>
void backward_images(const Geometry& g, int64_t begin, int64_t end, const T* weight_last, const T* dy, T* dpatch,
                     T* dimages) {
    const int64_t J = g.patch_size(), C = g.C;
    gemm_block(plain, plain, end - begin, J, C, dy + begin * C, C, weight_last, J, dpatch, J, false);
    for_each_run(g, begin, end, [&](int64_t at, int64_t in_patch, int64_t inside) {
        if (inside > 0) std::copy_n(dpatch + in_patch, inside, dimages + at);
    });
}

// `dimages` may be null: not asked for, as a rule.
template <class T>
void backward(const Geometry& g, const T* images, const T* weight, const T* dy, T* dimages, T* dweight,
              acc_type<T>* dbias) {
    using W = acc_type<T>;
    const int64_t J = g.patch_size(), C = g.C, R = g.patches();
    const Tensor weight_last = dimages ? channel_last(g, weight) : Tensor();
    const Tensor dweight_last = Tensor::empty({C, J}, dtype_of<W>());
    sum_by_groups<W>(sum_groups(R), R, C * J + C,
                     [&](int64_t group_begin, int64_t group_end, W* sums) {
                         const Tensor scratch = Tensor::empty({gemm_rows, J}, dtype_of<T>());
                         T* patch = scratch.data<T>();
                         for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                             const int64_t end = std::min(begin + gemm_rows, group_end);
                             im2col(g, begin, end, images, patch);
                             gemm_block(transposed, plain, C, J, end - begin, dy + begin * C, C, patch, J, sums, J,
                                        true);
                             add_column_sums(end - begin, C, dy + begin * C, sums + C * J);
                             if (dimages) backward_images(g, begin, end, weight_last.data<T>(), dy, patch, dimages);
                         }
                     },
                     {{dweight_last.data<W>(), C * J}, {dbias, C}});
    for_each_weight(g, [&](int64_t at, int64_t at_last) { dweight[at] = narrow<T>(dweight_last.data<W>()[at_last]); });
}

// ---- kernels: patch as a whole, its numbers in the weight's order; one product each way

cuda::PatchSizes patch_sizes(const Geometry& g) { return {g.B, g.H, g.W, g.I, g.p, g.q, g.down(), g.across()}; }

template <class T>
Tensor patches_on_device(const Geometry& g, const Tensor& images) {
    const Tensor patch = images.empty_like({g.patches(), g.patch_size()});
    cuda::im2col(patch_sizes(g), images.device_data<T>(), patch.device_data<T>());
    return patch;
}

template <class T>
void forward_on_device(const Geometry& g, const Tensor& images, const T* weight, const acc_type<T>* bias, T* y) {
    const Tensor patch = patches_on_device<T>(g, images);
    cuda::gemm_bias(g.patches(), g.C, g.patch_size(), patch.device_data<T>(), weight, bias, y);
}

// `dimages` undefined: not asked for.
template <class T>
void backward_on_device(const Geometry& g, const Tensor& images, const T* weight, const T* dy, const Tensor& dimages,
                        T* dweight, acc_type<T>* dbias) {
    const int64_t J = g.patch_size(), C = g.C, R = g.patches();
    const Tensor patch = patches_on_device<T>(g, images);
    cuda::gemm(transposed, plain, C, J, R, dy, C, patch.device_data<T>(), J, dweight, J, false);
    cuda::column_sums(R, C, dy, dbias);
    if (!dimages.defined()) return;
    T* const dpatch = patch.device_data<T>();  // patch has been read
    cuda::gemm(plain, plain, R, J, C, dy, C, weight, J, dpatch, J, false);
    cuda::im2col_backward(patch_sizes(g), dpatch, dimages.device_data<T>());
}

// ---- autograd node

struct PatchEmbeddingNode final : Node {
    Tensor images, weight;  // [B, H, W, I], [C, I, p, q]

    std::string_view name() const override { return "patch_embedding"; }
    std::vector<Saved> saved() const override { return {{"images", images}, {"weight", weight}}; }

    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad& needs_input_grad) override {
        const Geometry geometry(images.shape(), weight.shape());
        const Tensor dimages = needs_input_grad[0] ? images.empty_like(images.shape()) : Tensor();
        const Tensor dweight = weight.empty_like(weight.shape());
        const Tensor dbias = Tensor::empty({geometry.C}, acc_dtype(images.dtype()), images.device());
        on_device_of(
            "patch_embedding", images,
            [&]<class T>(T) {
                swingrad::backward(geometry, images.data<T>(), weight.data<T>(), dy.data<T>(), data_or_null<T>(dimages),
                                   dweight.data<T>(), dbias.data<acc_type<T>>());
            },
            [&]<class T>(T) {
                backward_on_device(geometry, images, weight.device_data<T>(), dy.device_data<T>(), dimages,
                                   dweight.device_data<T>(), dbias.device_data<acc_type<T>>());
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

    const Geometry geometry(images.shape(), weight.shape());
    const Tensor y = images.empty_like({geometry.B, geometry.down(), geometry.across(), C});
    on_device_of(
        "patch_embedding", images,
        [&]<class T>(T) { forward(geometry, images.data<T>(), weight.data<T>(), bias.data<acc_type<T>>(), y.data<T>()); },
        [&]<class T>(T) {
            forward_on_device(geometry, images, weight.device_data<T>(), bias.device_data<acc_type<T>>(),
                              y.device_data<T>());
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

// patch_embedding by products of matrices. A piece of patches is copied into rows (im2col), which one packed weight
// multiplies; backward does the same by groups of patches (ops/sum_by_groups.h), and the rows of a piece, having been
// read, take its dpatch. So no more than a piece of the patches is ever in memory.
//
// The weight, a few thousand numbers, is put into the order [C, p, q, I] once a call. Then a row of a patch is q I
// numbers that lie together in the image, and im2col copies runs, of which the part inside the image is a run too.
// Mathematics and names: ops/image/patch_embedding.cpp, where j is in the weight's order; here j = (row, column, i).

#include "core/gemm/gemm.h"
#include "core/gemm/packed_operand.h"
#include "core/threads.h"
#include "cuda/image/patch_embedding.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// Calls body(in_images, in_patches, inside) for every run of q I numbers in patches [begin, end): where it lies in
// images and in the rows of patch, of which row 0 is patch `begin`, and how many of its numbers are inside the image.
template <class T, class Body>
void for_each_run(const PatchEmbeddingOp<T>& op, int64_t begin, int64_t end, const Body& body) {
    const int64_t across = op.across(), down = op.down();
    for (int64_t r = begin; r < end; ++r) {
        const int64_t w = r % across, h = r / across % down, b = r / across / down;
        const int64_t columns = std::min(op.q, op.W - w * op.q), rows = std::min(op.p, op.H - h * op.p);
        for (int64_t row = 0; row < op.p; ++row)
            body(((b * op.H + h * op.p + row) * op.W + w * op.q) * op.I, ((r - begin) * op.p + row) * op.q * op.I,
                 row < rows ? columns * op.I : 0);
    }
}

template <class T>
void im2col(const PatchEmbeddingOp<T>& op, int64_t begin, int64_t end, T* patch) {
    const int64_t run = op.q * op.I;
    for_each_run(op, begin, end, [&](int64_t from, int64_t to, int64_t inside) {
        if (inside > 0) std::copy_n(op.images + from, inside, patch + to);
        if (inside < run) std::fill(patch + to + inside, patch + to + run, T(0));
    });
}

// Calls body(at, at_last) for every weight: its place in [C, I, p, q] and, channel last, in [C, p, q, I].
template <class T, class Body>
void for_each_weight(const PatchEmbeddingOp<T>& op, const Body& body) {
    const int64_t places = op.p * op.q;
    for (int64_t c = 0; c < op.C; ++c)
        for (int64_t i = 0; i < op.I; ++i)
            for (int64_t place = 0; place < places; ++place)
                body((c * op.I + i) * places + place, (c * places + place) * op.I + i);
}

template <class T>
Tensor channel_last(const PatchEmbeddingOp<T>& op) {
    Tensor result = Tensor::empty({op.C, op.patch_size()}, dtype_of<T>());
    T* to = result.data<T>();
    for_each_weight(op, [&](int64_t at, int64_t at_last) { to[at_last] = op.weight[at]; });
    return result;
}

// ---- forward

template <class T>
void forward(const PatchEmbeddingOp<T>& op) {
    const int64_t J = op.patch_size(), C = op.C;
    const PackedOperand<T> weight_t(transposed, C, J, channel_last(op).template data<T>(), J);
    parallel_chunks(op.patches(), rows_a_piece(op.patches()), [&](int64_t begin, int64_t end) {
        const Tensor patch = Tensor::empty({end - begin, J}, dtype_of<T>());
        im2col(op, begin, end, patch.data<T>());
        multiply(plain, end - begin, patch.data<T>(), J, weight_t, op.y + begin * C, C,
                 InitialValue<acc_type<T>>::row(op.bias));
    });
}

// ---- backward

// dimages of patches [begin, end).
template <class T>
void backward_images(const PatchEmbeddingOp<T>& op, int64_t begin, int64_t end, const T* weight_last, T* dpatch) {
    const int64_t J = op.patch_size(), C = op.C;
    gemm_block(plain, plain, end - begin, J, C, op.dy + begin * C, C, weight_last, J, dpatch, J, false);
    for_each_run(op, begin, end, [&](int64_t at, int64_t in_patch, int64_t inside) {
        if (inside > 0) std::copy_n(dpatch + in_patch, inside, op.dimages + at);
    });
}

template <class T>
void backward(const PatchEmbeddingOp<T>& op) {
    using A = acc_type<T>;
    const int64_t J = op.patch_size(), C = op.C, R = op.patches();
    const Tensor weight_last = op.dimages ? channel_last(op) : Tensor();
    const Tensor dweight_last = Tensor::empty({C, J}, dtype_of<A>());
    sum_by_groups<A>(sum_groups(R), R, C * J + C,
                     [&](int64_t group_begin, int64_t group_end, A* sums) {
                         const Tensor scratch = Tensor::empty({gemm_rows, J}, dtype_of<T>());
                         T* patch = scratch.data<T>();
                         for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                             const int64_t end = std::min(begin + gemm_rows, group_end);
                             const T* dy = op.dy + begin * C;
                             im2col(op, begin, end, patch);
                             gemm_block(transposed, plain, C, J, end - begin, dy, C, patch, J, sums, J, true);
                             add_column_sums(end - begin, C, dy, sums + C * J);
                             if (op.dimages) backward_images(op, begin, end, weight_last.data<T>(), patch);
                         }
                     },
                     {{dweight_last.data<A>(), C * J}, {op.dbias, C}});
    for_each_weight(op,
                    [&](int64_t at, int64_t at_last) { op.dweight[at] = narrow<T>(dweight_last.data<A>()[at_last]); });
}

const DeclareFastPath<PatchEmbeddingOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad

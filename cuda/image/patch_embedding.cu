// patch_embedding: the copies between images and patches, and products of cuda/runtime/gemm.h. Mathematics and names:
// ops/image/patch_embedding.cpp.
//
// All patches are copied into one matrix (im2col), which one product each way takes.
//
// A patch's numbers are in the weight's order, [I, p, q], and not in that of an image, as they are in the CPU's fast
// path: so the weight is a factor of the products as it is.
//
// Plan: a block a row of patches, which is p rows of an image; its 256 threads take the elements of what is written in
// turn, neighbours next to each other. What they read is I elements apart, or p q, in rows that fit into the
// first-level cache. Each element is read once from memory and written once; nothing waits. The divisions that find an
// element are of small numbers, for which the GPU's are quick.

#include "cuda/image/patch_embedding.h"

#include "cuda/runtime/gemm.h"
#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"
#include "cuda/toolkit/sums.h"

namespace swingrad::cuda {

constexpr unsigned im2col_threads = 256;

template <class T>
__global__ void im2col_kernel(PatchEmbeddingOp<T> op, T* patch) {
    const int64_t places = op.p * op.q, J = op.I * places, down = op.down(), across = op.across();
    const int64_t b = blockIdx.x / down, h = blockIdx.x % down;
    for (int64_t at = threadIdx.x; at < across * J; at += blockDim.x) {
        const int64_t w = at / J, j = at % J, i = j / places, row = j % places / op.q, column = j % places % op.q;
        const int64_t y = h * op.p + row, x = w * op.q + column;
        patch[blockIdx.x * across * J + at] =
            y < op.H && x < op.W ? op.images[((b * op.H + y) * op.W + x) * op.I + i] : narrow<T>(0);
    }
}

template <class T>
__global__ void im2col_backward_kernel(PatchEmbeddingOp<T> op, const T* dpatch) {
    const int64_t p = op.p, q = op.q, I = op.I, places = p * q, J = I * places, width = op.W * I;
    const int64_t down = op.down(), across = op.across(), b = blockIdx.x / down, h = blockIdx.x % down;
    const int64_t rows = op.H - h * p < p ? op.H - h * p : p;
    for (int64_t at = threadIdx.x; at < rows * width; at += blockDim.x) {
        const int64_t row = at / width, x = at % width / I, i = at % width % I;
        const int64_t w = x / q, column = x % q;
        // forward: patch_rj = images[b, h p + row, w q + column, i], so:
        op.dimages[(b * op.H + h * p) * width + at] =
            dpatch[(blockIdx.x * across + w) * J + i * places + row * q + column];
    }
}

// patch [patches, I p q], 0 beyond the image
template <class T>
void im2col(const PatchEmbeddingOp<T>& op, T* patch) {
    if (op.patches() == 0) return;
    launch(im2col_kernel<T>, static_cast<unsigned>(op.B * op.down()), im2col_threads, 0, compute_stream(), op, patch);
}

template <class T>
void im2col_backward(const PatchEmbeddingOp<T>& op, const T* dpatch) {
    if (op.patches() == 0) return;
    launch(im2col_backward_kernel<T>, static_cast<unsigned>(op.B * op.down()), im2col_threads, 0, compute_stream(), op,
           dpatch);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void PatchEmbeddingOp<T>::forward_kernel() const {
    const cuda::Scratch<T> patch(patches() * patch_size());
    cuda::im2col(*this, patch.data());
    cuda::gemm_bias(patches(), C, patch_size(), patch.data(), weight, bias, y);
}

template <class T>
void PatchEmbeddingOp<T>::backward_kernel() const {
    constexpr Layout plain = Layout::plain, transposed = Layout::transposed;
    const int64_t J = patch_size(), R = patches();
    const cuda::Scratch<T> patch(R * J);
    cuda::im2col(*this, patch.data());
    cuda::gemm(transposed, plain, C, J, R, dy, C, patch.data(), J, dweight, J, false);
    cuda::column_sums(R, C, dy, dbias);
    if (!dimages) return;
    T* const dpatch = patch.data();  // patch has been read
    cuda::gemm(plain, plain, R, J, C, dy, C, weight, J, dpatch, J, false);
    cuda::im2col_backward(*this, dpatch);
}

SWINGRAD_KERNELS(PatchEmbeddingOp)

}  // namespace swingrad

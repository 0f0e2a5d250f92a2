// patch_embedding: the copies between images and patches; the products are those of cuda/runtime/gemm.h. Mathematics and names:
// ops/image/patch_embedding.cpp.
//
// A patch's numbers are in the weight's order, [I, p, q], and not in that of an image, as they are in the loops: so the
// weight is a factor of the products as it is.
//
// Plan: a block a row of patches, which is p rows of an image; its 256 threads take the elements of what is written in
// turn, neighbours next to each other. What they read is I elements apart, or p q, in rows that fit into the
// first-level cache. Each element is read once from memory and written once; nothing waits. The divisions that find an
// element are of small numbers, for which the GPU's are quick.

#include "cuda/image/patch_embedding.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned im2col_threads = 256;

template <class T>
__global__ void im2col_kernel(PatchSizes g, const T* images, T* patch) {
    const int64_t places = g.p * g.q, J = g.I * places;
    const int64_t b = blockIdx.x / g.down, h = blockIdx.x % g.down;
    for (int64_t at = threadIdx.x; at < g.across * J; at += blockDim.x) {
        const int64_t w = at / J, j = at % J, i = j / places, row = j % places / g.q, column = j % places % g.q;
        const int64_t y = h * g.p + row, x = w * g.q + column;
        patch[blockIdx.x * g.across * J + at] =
            y < g.H && x < g.W ? images[((b * g.H + y) * g.W + x) * g.I + i] : narrow<T>(0);
    }
}

template <class T>
__global__ void im2col_backward_kernel(PatchSizes g, const T* dpatch, T* dimages) {
    const int64_t places = g.p * g.q, J = g.I * places, width = g.W * g.I;
    const int64_t b = blockIdx.x / g.down, h = blockIdx.x % g.down;
    const int64_t rows = g.H - h * g.p < g.p ? g.H - h * g.p : g.p;
    for (int64_t at = threadIdx.x; at < rows * width; at += blockDim.x) {
        const int64_t row = at / width, x = at % width / g.I, i = at % width % g.I;
        const int64_t w = x / g.q, column = x % g.q;
        // forward: patch_rj = images[b, h p + row, w q + column, i], so:
        dimages[(b * g.H + h * g.p) * width + at] =
            dpatch[(blockIdx.x * g.across + w) * J + i * places + row * g.q + column];
    }
}

// ---- launchers

template <class T>
void im2col(const PatchSizes& sizes, const T* images, T* patch) {
    if (sizes.B * sizes.down == 0) return;
    launch(im2col_kernel<T>, static_cast<unsigned>(sizes.B * sizes.down), im2col_threads, 0, compute_stream(), sizes,
           images, patch);
}

template <class T>
void im2col_backward(const PatchSizes& sizes, const T* dpatch, T* dimages) {
    if (sizes.B * sizes.down == 0) return;
    launch(im2col_backward_kernel<T>, static_cast<unsigned>(sizes.B * sizes.down), im2col_threads, 0, compute_stream(),
           sizes, dpatch, dimages);
}

#define INSTANTIATE(T)                                     \
    template void im2col(const PatchSizes&, const T*, T*); \
    template void im2col_backward(const PatchSizes&, const T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

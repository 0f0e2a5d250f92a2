// patch_merging. Mathematics and names: ops/image/patch_merging.cpp.
//
// Plan, the same both ways: a block a row of y, eight warps, which take turns at its blocks of C channels; a warp's
// lanes take neighbouring channels. Each element is read once and written once, and there is nothing to wait for. Only
// the row is found by a division: which of a square's four a block of channels is, and where the square begins, are its
// number's last two bits and the others.

#include "cuda/image/patch_merging.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned merging_threads = 256;

// Calls body(from, to) for every element of this block's row of y: where it is in x, -1 for outside, and in y.
template <class T, class Body>
__device__ void for_each_element(const PatchMergingOp<T>& op, const Body& body) {
    const int64_t H = op.H, W = op.W, C = op.C, half_H = (H + 1) / 2, half_W = (W + 1) / 2;
    const int64_t piece = blockIdx.x, b = piece / half_H, h = piece % half_H;
    const unsigned warps = blockDim.x / warp_size, lane = threadIdx.x % warp_size;
    for (int64_t place = threadIdx.x / warp_size; place < half_W * 4; place += warps) {
        const int64_t block = place % 4, w = place / 4;
        const int64_t row = 2 * h + block % 2, column = 2 * w + block / 2;
        const bool inside = row < H && column < W;
        const int64_t from = ((b * H + row) * W + column) * C, to = (piece * half_W * 4 + place) * C;
        for (int64_t c = lane; c < C; c += warp_size) body(inside ? from + c : -1, to + c);
    }
}

template <class T>
__global__ void patch_merging_forward_kernel(PatchMergingOp<T> op) {
    for_each_element(op, [=](int64_t from, int64_t to) { op.y[to] = from >= 0 ? op.x[from] : narrow<T>(0); });
}

template <class T>
__global__ void patch_merging_backward_kernel(PatchMergingOp<T> op) {
    for_each_element(op, [=](int64_t from, int64_t to) {
        if (from >= 0) op.dx[from] = op.dy[to];
    });
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void PatchMergingOp<T>::forward_kernel() const {
    using namespace cuda;
    const int64_t rows = B * ((H + 1) / 2);
    if (rows == 0) return;
    launch(patch_merging_forward_kernel<T>, static_cast<unsigned>(rows), merging_threads, 0, compute_stream(), *this);
}

template <class T>
void PatchMergingOp<T>::backward_kernel() const {
    using namespace cuda;
    const int64_t rows = B * ((H + 1) / 2);
    if (rows == 0) return;
    launch(patch_merging_backward_kernel<T>, static_cast<unsigned>(rows), merging_threads, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(PatchMergingOp)

}  // namespace swingrad

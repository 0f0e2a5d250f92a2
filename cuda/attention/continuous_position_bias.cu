// continuous_position_bias. Mathematics and names: ops/attention/continuous_position_bias.cpp.
//
// The network is tiny, R x 512 hidden units, and runs once a block of the model: what counts is the number of launches,
// one a pass, not bytes.
//
// Forward: a warp a relative position and head. Lane l takes the hidden units l, l + 32, ..., each made again for every
// head, which costs what reading it would; head 0 writes them down. The sum over units is warp_sum of the lanes' own,
// in double.
//
// Backward: a warp a hidden unit, whose gradients are sums over positions: lane l takes the positions l, l + 32, ... So
// each result has one owner, and there are no partial sums to add. The unit's column of `hidden` is read with gaps, of
// which the eight warps of a block, eight neighbouring units, read all there is between; dy and y are the same for all.

#include "cuda/attention/continuous_position_bias.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned warps_a_block = 8;

// grid: (groups of 8 relative positions, heads)
template <class T>
__global__ void continuous_position_bias_forward_kernel(ContinuousPositionBiasOp<T> op) {
    using A = acc_type<T>;
    const int64_t U = op.U, r = int64_t{blockIdx.x} * warps_a_block + threadIdx.x / warp_size, head = blockIdx.y;
    if (r >= op.R) return;
    const A down = op.coordinates[2 * r], across = op.coordinates[2 * r + 1];
    double t = 0;
    for (int64_t u = threadIdx.x % warp_size; u < U; u += warp_size) {
        const A pre = down * op.weight1[2 * u] + across * op.weight1[2 * u + 1] + op.bias1[u];
        const A unit = pre > 0 ? pre : A(0);
        if (head == 0) op.hidden[r * U + u] = unit;
        t += static_cast<double>(unit) * static_cast<double>(op.weight2[head * U + u]);
    }
    t = warp_sum(t);
    if (threadIdx.x % warp_size == 0) op.y[r * op.h + head] = static_cast<A>(16 / (1 + exp(-t)));
}

template <class T>
__global__ void continuous_position_bias_backward_kernel(ContinuousPositionBiasOp<T> op) {
    using A = acc_type<T>;
    const int64_t R = op.R, U = op.U, h = op.h;
    const int64_t u = int64_t{blockIdx.x} * warps_a_block + threadIdx.x / warp_size;
    const unsigned lane = threadIdx.x % warp_size;
    if (u >= U) return;
    // forward: y = 16 sigmoid(t), so:
    const auto dt = [=](int64_t r, int64_t head) {
        const int64_t i = r * h + head;
        return op.dy[i] * op.y[i] * (1 - op.y[i] / 16);
    };
    // forward: t = hidden weight2^T, so:
    for (int64_t head = 0; head < h; ++head) {
        A sum = 0;
        for (int64_t r = lane; r < R; r += warp_size) sum += dt(r, head) * op.hidden[r * U + u];
        sum = warp_sum(sum);
        if (lane == 0) op.dweight2[head * U + u] = sum;
    }
    A down = 0, across = 0, bias = 0;
    for (int64_t r = lane; r < R; r += warp_size) {
        if (!(op.hidden[r * U + u] > 0)) continue;
        A dpre = 0;
        for (int64_t head = 0; head < h; ++head) dpre += dt(r, head) * op.weight2[head * U + u];
        // forward: hidden = relu(coordinates weight1^T + bias1), so:
        down += dpre * op.coordinates[2 * r];
        across += dpre * op.coordinates[2 * r + 1];
        bias += dpre;
    }
    down = warp_sum(down), across = warp_sum(across), bias = warp_sum(bias);
    if (lane != 0) return;
    op.dweight1[2 * u] = down;
    op.dweight1[2 * u + 1] = across;
    op.dbias1[u] = bias;
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void ContinuousPositionBiasOp<T>::forward_kernel() const {
    using namespace cuda;
    if (R == 0 || h == 0) return;
    launch(continuous_position_bias_forward_kernel<T>, dim3(blocks_for(R, warps_a_block), static_cast<unsigned>(h)),
           warps_a_block * warp_size, 0, compute_stream(), *this);
}

template <class T>
void ContinuousPositionBiasOp<T>::backward_kernel() const {
    using namespace cuda;
    if (U == 0) return;
    launch(continuous_position_bias_backward_kernel<T>, blocks_for(U, warps_a_block), warps_a_block * warp_size, 0,
           compute_stream(), *this);
}

SWINGRAD_KERNELS(ContinuousPositionBiasOp)

}  // namespace swingrad

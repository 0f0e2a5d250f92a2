// continuous_position_bias. Mathematics and names: ops/attention/continuous_position_bias.cpp.
//
// The network is tiny, R x 512 hidden units, and runs once a block of the model: what counts is the number of launches,
// one a pass, not bytes.
//
// Forward: a warp an offset and head. Lane l takes the hidden units l, l + 32, ..., each made again for every head,
// which costs what reading it would; head 0 writes them down. The sum over units is warp_sum of the lanes' own, in
// double.
//
// Backward: a warp a hidden unit, whose gradients are sums over offsets: lane l takes the offsets l, l + 32, ... So
// each result has one owner, and there are no partial sums to add. The unit's column of `hidden` is read with gaps, of
// which the eight warps of a block, eight neighbouring units, read all there is between; dy and y are the same for all.

#include "cuda/attention/continuous_position_bias.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned warps_a_block = 8;

// grid: (groups of 8 offsets, heads)
template <class W>
__global__ void continuous_position_bias_forward_kernel(int64_t R, int64_t U, int64_t h, const W* coordinates,
                                                        const W* weight1, const W* bias1, const W* weight2, W* hidden,
                                                        W* y) {
    const int64_t r = int64_t{blockIdx.x} * warps_a_block + threadIdx.x / warp_size, head = blockIdx.y;
    if (r >= R) return;
    double t = 0;
    for (int64_t u = threadIdx.x % warp_size; u < U; u += warp_size) {
        const W pre = coordinates[2 * r] * weight1[2 * u] + coordinates[2 * r + 1] * weight1[2 * u + 1] + bias1[u];
        const W unit = pre > 0 ? pre : W(0);
        if (head == 0) hidden[r * U + u] = unit;
        t += static_cast<double>(unit) * static_cast<double>(weight2[head * U + u]);
    }
    t = warp_sum(t);
    if (threadIdx.x % warp_size == 0) y[r * h + head] = static_cast<W>(16 / (1 + exp(-t)));
}

template <class W>
__global__ void continuous_position_bias_backward_kernel(int64_t R, int64_t U, int64_t h, const W* coordinates,
                                                         const W* weight2, const W* hidden, const W* y, const W* dy,
                                                         W* dweight1, W* dbias1, W* dweight2) {
    const int64_t u = int64_t{blockIdx.x} * warps_a_block + threadIdx.x / warp_size;
    const unsigned lane = threadIdx.x % warp_size;
    if (u >= U) return;
    // forward: y = 16 sigmoid(t), so:
    const auto dt = [=](int64_t r, int64_t head) {
        const int64_t i = r * h + head;
        return dy[i] * y[i] * (1 - y[i] / 16);
    };
    // forward: t = hidden weight2^T, so:
    for (int64_t head = 0; head < h; ++head) {
        W sum = 0;
        for (int64_t r = lane; r < R; r += warp_size) sum += dt(r, head) * hidden[r * U + u];
        sum = warp_sum(sum);
        if (lane == 0) dweight2[head * U + u] = sum;
    }
    W down = 0, across = 0, bias = 0;
    for (int64_t r = lane; r < R; r += warp_size) {
        if (!(hidden[r * U + u] > 0)) continue;
        W dpre = 0;
        for (int64_t head = 0; head < h; ++head) dpre += dt(r, head) * weight2[head * U + u];
        // forward: hidden = relu(coordinates weight1^T + bias1), so:
        down += dpre * coordinates[2 * r];
        across += dpre * coordinates[2 * r + 1];
        bias += dpre;
    }
    down = warp_sum(down), across = warp_sum(across), bias = warp_sum(bias);
    if (lane != 0) return;
    dweight1[2 * u] = down;
    dweight1[2 * u + 1] = across;
    dbias1[u] = bias;
}

// ---- launchers

template <class W>
void continuous_position_bias_forward(int64_t R, int64_t U, int64_t h, const W* coordinates, const W* weight1,
                                      const W* bias1, const W* weight2, W* hidden, W* y) {
    if (R == 0 || h == 0) return;
    launch(continuous_position_bias_forward_kernel<W>, dim3(blocks_for(R, warps_a_block), static_cast<unsigned>(h)),
           warps_a_block * warp_size, 0, compute_stream(), R, U, h, coordinates, weight1, bias1, weight2, hidden, y);
}

template <class W>
void continuous_position_bias_backward(int64_t R, int64_t U, int64_t h, const W* coordinates, const W* weight2,
                                       const W* hidden, const W* y, const W* dy, W* dweight1, W* dbias1, W* dweight2) {
    if (U == 0) return;
    launch(continuous_position_bias_backward_kernel<W>, blocks_for(U, warps_a_block), warps_a_block * warp_size, 0,
           compute_stream(), R, U, h, coordinates, weight2, hidden, y, dy, dweight1, dbias1, dweight2);
}

#define INSTANTIATE(W)                                                                                                 \
    template void continuous_position_bias_forward(int64_t, int64_t, int64_t, const W*, const W*, const W*, const W*,  \
                                                   W*, W*);                                                            \
    template void continuous_position_bias_backward(int64_t, int64_t, int64_t, const W*, const W*, const W*, const W*, \
                                                    const W*, W*, W*, W*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace swingrad::cuda

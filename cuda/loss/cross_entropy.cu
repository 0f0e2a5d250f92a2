// cross_entropy. Mathematics and names: ops/loss/cross_entropy.cpp.
//
// Plan: a warp a sample, lane l taking the classes l, l + 32, ...; sums over classes are warp_sum of the lanes' own. A
// row of logits is read twice, the second time from the cache, and p written once and divided once; of labels the
// targets are written beside it. Forward has a second launch, of one warp, that adds the B losses up in double, in one
// order, and counts the samples where some are ignored. Backward reads p and the targets and writes dlogits. The
// gradient of the loss stays where it is, in device memory. 256 threads a block; no barrier.

#include "cuda/loss/cross_entropy.h"

#include "cuda/runtime/scratch.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

constexpr unsigned samples_a_block = 8;  // warps

// Where targets are made of labels: t_bc = on where c = label_b, else off.
template <class T>
__global__ void cross_entropy_forward_kernel(CrossEntropyOp<T> op, acc_type<T> on, acc_type<T> off, double* losses) {
    using W = acc_type<T>;
    const int64_t b = int64_t{blockIdx.x} * samples_a_block + threadIdx.x / warp_size, K = op.K;
    const unsigned lane = threadIdx.x % warp_size;
    if (b >= op.B) return;
    const T* z = op.logits + b * K;
    W *p_row = op.p + b * K, *t_row = op.targets + b * K;
    const int64_t label = op.labels ? op.labels[b] : 0;
    const bool in_range = label >= 0 && label < K, ignored = op.counted && label == op.ignored;
    W m = -INFINITY;
    for (int64_t c = lane; c < K; c += warp_size) m = widen(z[c]) > m ? widen(z[c]) : m;
    m = warp_max(m);
    W s = 0, t_sum = 0, t_z_sum = 0;
    for (int64_t c = lane; c < K; c += warp_size) {
        if (op.labels) t_row[c] = ignored ? W(0) : !in_range ? static_cast<W>(NAN) : c == label ? on : off;
        const W t = t_row[c], z_c = widen(z[c]) - m;
        p_row[c] = exp(z_c);
        s += p_row[c];
        t_sum += t;
        t_z_sum += t == 0 ? W(0) : t * z_c;
    }
    s = warp_sum(s), t_sum = warp_sum(t_sum), t_z_sum = warp_sum(t_z_sum);
    for (int64_t c = lane; c < K; c += warp_size) p_row[c] /= s;
    if (lane == 0) losses[b] = static_cast<double>(t_sum * log(s) - t_z_sum);
}

// One warp.
template <class W>
__global__ void cross_entropy_mean_kernel(int64_t B, const double* losses, const int64_t* labels, int64_t ignored,
                                          W* counted, W* loss) {
    double sum = 0, count = 0;
    for (int64_t b = threadIdx.x; b < B; b += warp_size) {
        sum += losses[b];
        count += counted && labels[b] == ignored ? 0 : 1;
    }
    sum = warp_sum(sum), count = warp_sum(count);
    if (threadIdx.x != 0) return;
    if (counted) *counted = static_cast<W>(count > 0 ? count : 1);
    *loss = static_cast<W>(sum / (count > 0 ? count : 1));
}

template <class T>
__global__ void cross_entropy_backward_kernel(CrossEntropyOp<T> op) {
    using W = acc_type<T>;
    const int64_t b = int64_t{blockIdx.x} * samples_a_block + threadIdx.x / warp_size, K = op.K;
    const unsigned lane = threadIdx.x % warp_size;
    if (b >= op.B) return;
    const W *p_row = op.p + b * K, *t_row = op.targets + b * K;
    W t_sum = 0;
    for (int64_t c = lane; c < K; c += warp_size) t_sum += t_row[c];
    t_sum = warp_sum(t_sum);
    // forward: loss = (sum(t) log s - sum(t (z - m))) / B, so:
    const W share = *op.dloss / (op.counted ? *op.counted : static_cast<W>(op.B));
    for (int64_t c = lane; c < K; c += warp_size)
        op.dlogits[b * K + c] = narrow<T>(share * (p_row[c] * t_sum - t_row[c]));
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void CrossEntropyOp<T>::forward_kernel() const {
    using namespace cuda;
    const Scratch<double> losses(B);
    const A off = static_cast<A>(label_smoothing / static_cast<double>(K)),
            on = off + static_cast<A>(1 - label_smoothing);
    launch(cross_entropy_forward_kernel<T>, blocks_for(B, samples_a_block), samples_a_block * warp_size, 0,
           compute_stream(), *this, on, off, losses.data());
    launch(cross_entropy_mean_kernel<A>, 1, warp_size, 0, compute_stream(), B, losses.data(), labels, ignored, counted,
           loss);
}

template <class T>
void CrossEntropyOp<T>::backward_kernel() const {
    using namespace cuda;
    launch(cross_entropy_backward_kernel<T>, blocks_for(B, samples_a_block), samples_a_block * warp_size, 0,
           compute_stream(), *this);
}

SWINGRAD_KERNELS(CrossEntropyOp)

}  // namespace swingrad

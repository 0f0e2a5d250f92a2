// cross_entropy. Mathematics and names: ops/loss/cross_entropy.cpp.
//
// Plan: a warp a sample, lane l taking the classes l, l + 32, ...; sums over classes are warp_sum of the lanes' own. A
// row of logits is read twice, the second time from the cache, and p written once and divided once. Forward has a
// second launch, of one warp, that adds the B losses up in double, in one order. Backward reads p and writes dlogits.
// The gradient of the loss stays where it is, in device memory. 256 threads a block; no barrier.
//
// Where the targets are labels, no table of them is made: a target is computed where it is needed.

#include "cuda/loss/cross_entropy.h"

#include "cuda/toolkit/kernel.h"
#include "cuda/runtime/scratch.h"

namespace swingrad::cuda {

constexpr unsigned samples_a_block = 8;  // warps

// t_bc = smoothing / K + (1 - smoothing) [c = label_b]
template <class W>
struct LabelTargets {
    int64_t K;
    const int64_t* labels;
    W off, on;

    LabelTargets(int64_t classes, const int64_t* of, double smoothing)
        : K(classes),
          labels(of),
          off(static_cast<W>(smoothing / static_cast<double>(classes))),
          on(off + static_cast<W>(1 - smoothing)) {}
    __device__ W at(int64_t b, int64_t c) const {
        const int64_t label = labels[b];
        if (label < 0 || label >= K) return static_cast<W>(NAN);
        return c == label ? on : off;
    }
};

template <class W>
struct SoftTargets {
    int64_t K;
    const W* targets;

    __device__ W at(int64_t b, int64_t c) const { return targets[b * K + c]; }
};

template <class T, class Targets>
__global__ void cross_entropy_forward_kernel(int64_t B, int64_t K, const T* logits, Targets targets, acc_type<T>* p,
                                             double* losses) {
    using W = acc_type<T>;
    const int64_t b = int64_t{blockIdx.x} * samples_a_block + threadIdx.x / warp_size;
    const unsigned lane = threadIdx.x % warp_size;
    if (b >= B) return;
    const T* z = logits + b * K;
    W* p_row = p + b * K;
    W m = -INFINITY;
    for (int64_t c = lane; c < K; c += warp_size) m = widen(z[c]) > m ? widen(z[c]) : m;
    m = warp_max(m);
    W s = 0, t_sum = 0, t_z_sum = 0;
    for (int64_t c = lane; c < K; c += warp_size) {
        const W t = targets.at(b, c), z_c = widen(z[c]) - m;
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
__global__ void cross_entropy_mean_kernel(int64_t B, const double* losses, W* loss) {
    double sum = 0;
    for (int64_t b = threadIdx.x; b < B; b += warp_size) sum += losses[b];
    sum = warp_sum(sum);
    if (threadIdx.x == 0) *loss = static_cast<W>(sum / static_cast<double>(B));
}

template <class T, class Targets>
__global__ void cross_entropy_backward_kernel(int64_t B, int64_t K, const acc_type<T>* p, Targets targets,
                                              const acc_type<T>* dloss, T* dlogits) {
    using W = acc_type<T>;
    const int64_t b = int64_t{blockIdx.x} * samples_a_block + threadIdx.x / warp_size;
    const unsigned lane = threadIdx.x % warp_size;
    if (b >= B) return;
    W t_sum = 0;
    for (int64_t c = lane; c < K; c += warp_size) t_sum += targets.at(b, c);
    t_sum = warp_sum(t_sum);
    // forward: loss = (sum(t) log s - sum(t (z - m))) / B, so:
    const W share = *dloss / static_cast<W>(B);
    for (int64_t c = lane; c < K; c += warp_size)
        dlogits[b * K + c] = narrow<T>(share * (p[b * K + c] * t_sum - targets.at(b, c)));
}

// ---- launchers

namespace {

template <class T, class Targets>
void forward(int64_t B, int64_t K, const T* logits, const Targets& targets, acc_type<T>* p, acc_type<T>* loss) {
    const Scratch<double> losses(B);
    launch(cross_entropy_forward_kernel<T, Targets>, blocks_for(B, samples_a_block), samples_a_block * warp_size, 0,
           compute_stream(), B, K, logits, targets, p, losses.data());
    launch(cross_entropy_mean_kernel<acc_type<T>>, 1, warp_size, 0, compute_stream(), B, losses.data(), loss);
}

template <class T, class Targets>
void backward(int64_t B, int64_t K, const acc_type<T>* p, const Targets& targets, const acc_type<T>* dloss, T* dlogits) {
    launch(cross_entropy_backward_kernel<T, Targets>, blocks_for(B, samples_a_block), samples_a_block * warp_size, 0,
           compute_stream(), B, K, p, targets, dloss, dlogits);
}

}  // namespace

template <class T>
void cross_entropy_forward(int64_t B, int64_t K, const T* logits, const int64_t* labels, double smoothing, acc_type<T>* p,
                           acc_type<T>* loss) {
    forward(B, K, logits, LabelTargets<acc_type<T>>(K, labels, smoothing), p, loss);
}

template <class T>
void cross_entropy_soft_forward(int64_t B, int64_t K, const T* logits, const acc_type<T>* targets, acc_type<T>* p,
                                acc_type<T>* loss) {
    forward(B, K, logits, SoftTargets<acc_type<T>>{K, targets}, p, loss);
}

template <class T>
void cross_entropy_backward(int64_t B, int64_t K, const acc_type<T>* p, const int64_t* labels, double smoothing,
                            const acc_type<T>* dloss, T* dlogits) {
    backward(B, K, p, LabelTargets<acc_type<T>>(K, labels, smoothing), dloss, dlogits);
}

template <class T>
void cross_entropy_soft_backward(int64_t B, int64_t K, const acc_type<T>* p, const acc_type<T>* targets, const acc_type<T>* dloss,
                                 T* dlogits) {
    backward(B, K, p, SoftTargets<acc_type<T>>{K, targets}, dloss, dlogits);
}

#define INSTANTIATE(T)                                                                                             \
    template void cross_entropy_forward(int64_t, int64_t, const T*, const int64_t*, double, acc_type<T>*, acc_type<T>*);   \
    template void cross_entropy_soft_forward(int64_t, int64_t, const T*, const acc_type<T>*, acc_type<T>*, acc_type<T>*);      \
    template void cross_entropy_backward(int64_t, int64_t, const acc_type<T>*, const int64_t*, double, const acc_type<T>*, \
                                         T*);                                                                      \
    template void cross_entropy_soft_backward(int64_t, int64_t, const acc_type<T>*, const acc_type<T>*, const acc_type<T>*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(bfloat16)
#undef INSTANTIATE

}  // namespace swingrad::cuda

// qkv_bias. Mathematics and names: ops/attention/qkv_bias.cpp.
//
// A thread an element of y, or of dq and dv together. One launch where copying each part would be three.

#include "cuda/attention/qkv_bias.h"

#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void qkv_bias_forward_kernel(QkvBiasOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= 3 * op.C) return;
    op.y[i] = i < op.C ? op.q[i] : i < 2 * op.C ? T(0) : op.v[i - 2 * op.C];
}

template <class T>
__global__ void qkv_bias_backward_kernel(QkvBiasOp<T> op) {
    const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i >= op.C) return;
    op.dq[i] = op.dy[i];
    op.dv[i] = op.dy[2 * op.C + i];
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void QkvBiasOp<T>::forward_kernel() const {
    using namespace cuda;
    if (C > 0) launch(qkv_bias_forward_kernel<T>, blocks_for(3 * C, 256), 256, 0, compute_stream(), *this);
}

template <class T>
void QkvBiasOp<T>::backward_kernel() const {
    using namespace cuda;
    if (C > 0) launch(qkv_bias_backward_kernel<T>, blocks_for(C, 256), 256, 0, compute_stream(), *this);
}

SWINGRAD_KERNELS(QkvBiasOp)

}  // namespace swingrad

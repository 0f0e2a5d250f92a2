// where. Mathematics and names: ops/pointwise/where.cpp. Plan: cuda/toolkit/elementwise.h. Bytes: each operand once and
// the result, the limit being memory. Both a_i and b_i are read: which one is needed differs from lane to lane.

#include "cuda/pointwise/where.h"

#include "cuda/toolkit/elementwise.h"
#include "cuda/toolkit/kernel.h"

namespace swingrad::cuda {

template <class T>
__global__ void where_kernel(WhereOp<T> op) {
    map_elements(
        op.count, [](uint8_t condition_i, acc_type<T> a_i, acc_type<T> b_i) { return condition_i != 0 ? a_i : b_i; },
        op.y, op.condition, op.a, op.b);
}

template <class T>
__global__ void where_broadcast_kernel(WhereOp<T> op) {
    map_broadcast(
        op.count, op.axes,
        [](uint8_t condition_i, acc_type<T> a_i, acc_type<T> b_i) { return condition_i != 0 ? a_i : b_i; }, op.y,
        op.condition, op.a, op.b);
}

}  // namespace swingrad::cuda

namespace swingrad {

template <class T>
void WhereOp<T>::forward_kernel() const {
    using namespace cuda;
    if (count == 0) return;
    launch(axes.count == 0 ? where_kernel<T> : where_broadcast_kernel<T>, blocks_for_elements<T>(count),
           elementwise_threads, 0, compute_stream(), *this);
}

template void WhereOp<float>::forward_kernel() const;
template void WhereOp<double>::forward_kernel() const;
template void WhereOp<bfloat16>::forward_kernel() const;

}  // namespace swingrad

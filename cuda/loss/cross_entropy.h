// Kernels of ops/loss/cross_entropy.cpp. T: float, double or bfloat16. Targets are either a label a sample, smoothed, or a
// share a class. A label that is not in 0..K-1 makes the loss NaN, and the gradient of its row.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

// logits [B, K], labels [B] -> p [B, K], loss [1]
template <class T>
void cross_entropy_forward(int64_t B, int64_t K, const T* logits, const int64_t* labels, double smoothing, acc_type<T>* p,
                           acc_type<T>* loss);
// targets [B, K]
template <class T>
void cross_entropy_soft_forward(int64_t B, int64_t K, const T* logits, const acc_type<T>* targets, acc_type<T>* p,
                                acc_type<T>* loss);

// dloss [1]
template <class T>
void cross_entropy_backward(int64_t B, int64_t K, const acc_type<T>* p, const int64_t* labels, double smoothing,
                            const acc_type<T>* dloss, T* dlogits);
template <class T>
void cross_entropy_soft_backward(int64_t B, int64_t K, const acc_type<T>* p, const acc_type<T>* targets, const acc_type<T>* dloss,
                                 T* dlogits);

}  // namespace swingrad::cuda

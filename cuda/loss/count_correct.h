// For the statistics of training, which must not wait for a step: how many samples were classified correctly.
// T: float, double or bfloat16.
#pragma once

#include <cstdint>

namespace swingrad::cuda {

// Adds to *correct, in device memory, the number of rows of logits [B, K] whose largest element, the first of several,
// is that of the label. A label that is not in 0..K-1 is never correct, nor is a logit that is NaN.
template <class T>
void count_correct(int64_t B, int64_t K, const T* logits, const int64_t* labels, int64_t* correct);

}  // namespace swingrad::cuda

// The arguments of cross_entropy, for plain loops and kernels alike. Mathematics: ops/loss/cross_entropy.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

// Targets are given, or made of a label a sample. To kernels a label that is not in 0..K-1 makes the loss NaN, and the
// gradient of its row; plain loops expect none.
template <class T>
struct CrossEntropyOp {
    using A = acc_type<T>;

    int64_t B, K;
    const T* logits = nullptr;        // [B, K]; this and the next two: forward's alone
    const int64_t* labels = nullptr;  // [B]; null where targets are given
    double label_smoothing = 0;       // of labels
    int64_t ignored = 0;              // a label that counts for nothing, where `counted` is not null
    A* counted = nullptr;             // [1]: the samples that count, at least 1; written by forward. Null: B do
    A* targets = nullptr;             // [B, K]; those of labels are written by forward
    A* p = nullptr;                   // [B, K]; written by forward, read by backward
    A* loss = nullptr;                // [1]; forward's alone
    const A* dloss = nullptr;         // [1]; this and dlogits: backward's alone
    T* dlogits = nullptr;             // [B, K]

    void forward() const;  // ops/loss/cross_entropy.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/loss/cross_entropy.cu
    void backward_kernel() const;
};

}  // namespace swingrad

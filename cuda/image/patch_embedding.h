// The arguments of patch_embedding, for plain loops and kernels alike. Mathematics: ops/image/patch_embedding.cpp.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad {

template <class T>
struct PatchEmbeddingOp {
    using A = acc_type<T>;

    int64_t B, H, W, I;         // of images
    int64_t C, p, q;            // of weight
    const T* images = nullptr;  // [B, H, W, I]
    const T* weight = nullptr;  // [C, I, p, q]
    const A* bias = nullptr;    // [C]; bias and y: forward's alone
    T* y = nullptr;             // [B, down, across, C]
    const T* dy = nullptr;      // as y; this and what follows: backward's alone
    T* dimages = nullptr;       // as images, or null: not asked for, as a rule
    T* dweight = nullptr;       // as weight
    A* dbias = nullptr;         // [C]

    SWINGRAD_HOST_DEVICE int64_t down() const { return (H + p - 1) / p; }    // patches of an image in a column of them
    SWINGRAD_HOST_DEVICE int64_t across() const { return (W + q - 1) / q; }  // and in a row
    int64_t patches() const { return B * down() * across(); }
    int64_t patch_size() const { return I * p * q; }

    int64_t multiply_adds() const { return patches() * patch_size() * C; }  // ops/cost_log.h

    void forward() const;  // ops/image/patch_embedding.cpp
    void backward() const;
    void forward_kernel() const;  // cuda/image/patch_embedding.cu
    void backward_kernel() const;
};

}  // namespace swingrad

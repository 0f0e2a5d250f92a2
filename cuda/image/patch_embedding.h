// Kernels of ops/image/patch_embedding.cpp. T: float, double or bfloat16.
#pragma once

#include "core/element.h"

#include <cstdint>

namespace swingrad::cuda {

struct PatchSizes {
    int64_t B, H, W, I;    // images
    int64_t p, q;          // of a patch
    int64_t down, across;  // patches of an image: ceil(H/p), ceil(W/q)
};

// images [B, H, W, I] -> patch [B down across, I p q], 0 beyond the image
template <class T>
void im2col(const PatchSizes& sizes, const T* images, T* patch);

// dpatch [B down across, I p q] -> dimages [B, H, W, I]
template <class T>
void im2col_backward(const PatchSizes& sizes, const T* dpatch, T* dimages);

}  // namespace swingrad::cuda

// Which patches of an image a model of masked images does not see.
// Source: Xie et al., "SimMIM", arXiv 2111.09886, section 3.2.
#pragma once

#include "core/random.h"
#include "core/tensor.h"
#include "ops/window.h"

#include <span>

namespace swingrad {

// uint8 [samples, tokens.rows, tokens.columns], 1 where masked. Each image is a grid of squares of `cell` x `cell`
// tokens, and ceil(ratio x squares) of them are masked, drawn uniformly. An image's mask depends on `random` and on its
// number in `samples` alone, never on its place in the batch. Throws an Error where the squares do not fill the map, or
// the ratio is not above 0 and below 1.
Tensor draw_masks(std::span<const int64_t> samples, Extent tokens, int64_t cell, double ratio, Random random);

// images [B, H, W, C], float32 or float64, and masks uint8 [B, H/p, W/p], on the CPU -> [B, H, W, C + 1]: in the last
// channel 1 in the pixels of masked patches, else 0. Throws an Error where the masks do not fit.
Tensor with_mask(const Tensor& images, const Tensor& masks);

}  // namespace swingrad

// What a model's attention looks at: the weights of all blocks, and numbers and pictures made of them.
#pragma once

#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"

#include <vector>

namespace swingrad {

// The attention of one block for some images.
struct BlockAttention {
    WindowMap map;
    Tensor weights;                    // [B nW, h, N, N], CPU
    std::vector<double> temperatures;  // tau of each head: a cosine is divided by it; empty for dot attention
    Tensor position_bias = {};         // [R, h] (ops/window.h); undefined where there is none

    int64_t heads() const { return weights.shape()[1]; }
    int64_t images() const { return weights.shape()[0] / map->windows; }
};

// All blocks in order, for images [B, H, W, C], nothing random, nothing recorded. `parameters` are of a model of this
// configuration, on any device; the weights are computed on the CPU in float32.
std::vector<BlockAttention> attention_of(const SwinConfig& config, const Parameters& parameters, const Tensor& images);

// How much of its weight a query gives to its largest key.
struct LargestKey {
    double share = 0;      // mean over images, windows and queries; 1 / N where all keys are alike
    double dominated = 0;  // of queries, the part whose largest key has more than half of the weight
};
// Of each head.
std::vector<LargestKey> largest_keys(const BlockAttention& attention);

// The weights of one query of one image and head where their keys lie in the map of tokens, [rows * columns]: windows
// put back to their places and the shift undone. 0 outside the query's window. `token` counts row by row.
std::vector<double> where_it_looks(const BlockAttention& attention, int64_t image, int64_t head, int64_t token);

}  // namespace swingrad

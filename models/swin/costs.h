// What a model costs before it is built: parameters, arithmetic and memory of every layer, from its configuration
// alone.
//
// Arithmetic is counted in multiply-adds of a forward pass, by the convention of the paper's code: products (linear
// layers, patches, both products of attention) and one for every element that a layer norm puts out. Softmax, GELU, the
// normalisation of q and k, the position bias and the pooling are not counted. One multiply-add is two FLOPs.
//
// A step recorded on Device::meta costs the same (ops/cost_log.h), for any model; these formulas say why, layer by
// layer, and a test holds each against the other.
//
// Memory is what the tape keeps for backward of a training step in which every parameter has a gradient. Each tensor is
// counted once, at the first layer that keeps it; so a layer's input is the layer's. Parameters are not counted; what
// drop path leaves out is, as though it dropped nothing. It is counted for the CPU: on a device attention always keeps
// what sequential attention does.
#pragma once

#include "core/dtype.h"
#include "core/shape.h"
#include "models/swin/config.h"

#include <string>
#include <vector>

namespace swingrad {

struct LayerCost {
    std::string
        name;  // as its parameters' names begin: "patch_embed", "layers.0.blocks.1.attn", "norm", "head.fc", "loss"
    Shape output;
    int64_t parameters = 0;
    int64_t multiply_adds = 0;  // of one batch
    int64_t saved_bytes = 0;    // of one batch

    int64_t flops() const { return 2 * multiply_adds; }
};

// Every layer in the order it runs, for `batch` images and parameters of `dtype`. The last one is the loss, the mean
// cross entropy. Throws an Error on a configuration that cannot be and on a batch below 1.
std::vector<LayerCost> layer_costs(const SwinConfig& config, int64_t batch, DType dtype = DType::float32);

LayerCost total_cost(const std::vector<LayerCost>& layers);

// The window of stage `index`: at most the map.
Extent window_of_stage(const SwinConfig& config, size_t index);

}  // namespace swingrad

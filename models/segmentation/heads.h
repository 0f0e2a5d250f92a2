// What makes classes of pixels out of a pyramid of maps. Names of members are those of mmsegmentation's decode heads.
#pragma once

#include "models/nn/containers.h"
#include "models/nn/convolution.h"

#include <memory>
#include <vector>

namespace swingrad {

// Maps of all stages [B, rows_i, columns_i, C_i], the first the largest -> logits [B, rows_0, columns_0, K].
class DecodeHead : public Module {
  public:
    using Module::forward;
    virtual Tensor forward(const std::vector<Tensor>& maps) const = 0;
};

// A convolution without bias, batch norm and relu: mmsegmentation's ConvModule.
class ConvNormRelu : public Module {
  public:
    ConvNormRelu(int64_t inputs, int64_t outputs, int64_t kernel);  // odd; the map keeps its size
    Tensor forward(const Tensor& x) const override { return relu(bn.forward(conv.forward(x))); }

    Conv2d conv;
    BatchNorm2d bn;
};

// Each map projected to one width and resized to the first one's size; their sum, relu, and a linear classifier at each
// position: the lateral half of a feature pyramid, and no more.
class SumHead final : public DecodeHead {
  public:
    SumHead(const std::vector<int64_t>& channels, int64_t width, int64_t classes);
    using DecodeHead::forward;
    Tensor forward(const std::vector<Tensor>& maps) const override;

    ModuleList<Conv2d> lateral_convs;  // 1 x 1
    Conv2d conv_seg;                   // 1 x 1
};

// UPerNet's head. Source: Xiao et al., "Unified perceptual parsing for scene understanding", arXiv 1807.10221. The last
// map is joined with its means over 1, 2 x 2, 3 x 3 and 6 x 6 bins; from there downwards each level is its map's
// projection plus the level above; all levels, each convolved once, are resized to the first one's size and joined.
// Without the auxiliary head and the dropout of mmsegmentation.
class UperHead final : public DecodeHead {
  public:
    UperHead(const std::vector<int64_t>& channels, int64_t width, int64_t classes);
    using DecodeHead::forward;
    Tensor forward(const std::vector<Tensor>& maps) const override;

    // A pool has no parameters, and is number 0 of its module in mmsegmentation.
    struct Pooled : Module {
        Pooled(int64_t inputs, int64_t outputs) : conv(inputs, outputs, 1) { declare("1", conv); }
        ConvNormRelu conv;
    };
    ModuleList<Pooled> psp_modules;
    ConvNormRelu bottleneck;
    ModuleList<ConvNormRelu> lateral_convs, fpn_convs;  // of all maps but the last
    ConvNormRelu fpn_bottleneck;
    Conv2d conv_seg;

  private:
    Tensor pyramid_pooled(const Tensor& map) const;
};

}  // namespace swingrad

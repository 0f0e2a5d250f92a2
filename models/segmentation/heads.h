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

}  // namespace swingrad

// A ResNet for small images of any width: three stages of two blocks, a shortcut around every block.
// Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv 1512.03385, section 4.2; where the
// map halves, the shortcut is a 1 x 1 convolution (option B).
#pragma once

#include "models/nn/containers.h"
#include "models/nn/convolution.h"
#include "models/nn/layers.h"

namespace swingrad {

class SmallResNet : public Module {
  public:
    // `width` channels in the first stage, twice as many in each after it.
    SmallResNet(int64_t width, int64_t classes);
    Tensor forward(const Tensor& images) const override;  // [B, H, W, 3] -> logits [B, classes]

  private:
    // Without bias: batch norm follows, and has one. Starts as He et al. say, arXiv 1502.01852.
    struct Convolution : Conv2d {
        Convolution(int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride);
    };
    // relu(x + f(x)), f two 3 x 3 convolutions; the first may have stride 2.
    struct Block : Module {
        Block(int64_t inputs, int64_t outputs, int64_t stride);
        Tensor forward(const Tensor& x) const override;
        Convolution conv1, conv2;
        BatchNorm2d bn1, bn2;
        Sequential shortcut;  // empty where the map and its channels stay as they are
    };

    Convolution conv1_;
    BatchNorm2d bn1_;
    Sequential blocks_;
    Linear fc_;
};

// The width whose multiply-adds for an image of so many pixels a side are nearest to `multiply_adds`.
int64_t width_of_resnet(int64_t multiply_adds, int64_t pixels, int64_t classes);

// Multiply-adds of a model's forward pass for one image [H, W, 3], counted on Device::meta (ops/cost_log.h), and how
// many parameters it has.
struct ModelCost {
    int64_t multiply_adds, parameters;
};
ModelCost cost_of(Module& model, int64_t pixels);

}  // namespace swingrad

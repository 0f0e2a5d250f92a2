// Layers of convolutional networks. Maps are channel-last, [B, H, W, C]; weights have PyTorch's shapes, names and
// start.
#pragma once

#include "models/nn/module.h"
#include "ops/ops.h"

#include <optional>

namespace swingrad {

struct Conv2dLayerOptions {
    Extent stride = {1, 1}, padding = {0, 0};
    int64_t groups = 1;
    bool bias = true;
    std::optional<Init> weight_init = {}, bias_init = {};  // left out: uniform within 1 / sqrt(fan_in)
};

// [B, H, W, I] -> [B, H', W', O], H' = (H + 2 padding - kernel) / stride + 1, rounded down
class Conv2d : public Module {
  public:
    Conv2d(int64_t inputs, int64_t outputs, Extent kernel, const Conv2dLayerOptions& options = {});
    Tensor forward(const Tensor& x) const override { return conv2d(x, weight, bias, options_); }

    Parameter weight, bias;  // [O, I / groups, kh, kw], [O]; bias stays undefined without one

  private:
    Conv2dOptions options_;
};

// Each channel of [..., C] to mean 0 and variance 1 over all else: in training by the batch's statistics, towards which
// the running ones move, running = (1 - momentum) running + momentum new; in evaluation, and where
// weight and bias are frozen, by the running ones, which stay. Under activation checkpointing a batch moves them twice.
class BatchNorm2d : public Module {
  public:
    explicit BatchNorm2d(int64_t channels, double momentum = 0.1, double eps = 1e-5);
    Tensor forward(const Tensor& x) const override {
        const bool by_batch = training() && !(weight.frozen && bias.frozen);
        return batch_norm(x, weight, bias, running_mean, running_var, by_batch, momentum_, eps_);
    }

    Parameter weight, bias;            // [C]
    Buffer running_mean, running_var;  // [C]

  private:
    double momentum_, eps_;
};

// [B, H, W, C] -> [B, H', W', C]. pool: max_pool2d or avg_pool2d.
template <Tensor (*pool)(const Tensor&, Extent, Extent, Extent)>
class Pool2d : public Module {
  public:
    Pool2d(Extent kernel, Extent stride, Extent padding = {0, 0})
        : kernel_(kernel), stride_(stride), padding_(padding) {}
    Tensor forward(const Tensor& x) const override { return pool(x, kernel_, stride_, padding_); }

  private:
    Extent kernel_, stride_, padding_;
};
using MaxPool2d = Pool2d<max_pool2d>;
using AvgPool2d = Pool2d<avg_pool2d>;

}  // namespace swingrad

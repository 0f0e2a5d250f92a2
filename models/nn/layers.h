// Layers for any model: a few parameters and the operation they are for. Names of parameters, defaults and what they
// start from are PyTorch's, those of Mlp, DropPath and MultiHeadAttention timm's, so that a state_dict of the same
// layers has the same names and shapes. All throw an Error for sizes and rates that cannot be.
#pragma once

#include "models/nn/module.h"
#include "ops/ops.h"

#include <functional>
#include <optional>

namespace swingrad {

struct LinearOptions {
    bool bias = true;
    std::optional<Init> weight_init = {}, bias_init = {};  // left out: uniform within 1 / sqrt(inputs)
};

// x [..., I] -> x weight^T + bias [..., O]
class Linear : public Module {
  public:
    Linear(int64_t inputs, int64_t outputs, const LinearOptions& options = {});
    Tensor forward(const Tensor& x) const override { return linear(x, weight, bias); }

    Parameter weight, bias;  // [O, I], [O]; bias stays undefined without one
};

class LayerNorm : public Module {
  public:
    // weight starts at `start` (0 makes a residual branch start as nothing), bias at 0.
    explicit LayerNorm(int64_t channels, double start = 1);
    Tensor forward(const Tensor& x) const override { return layer_norm(x, weight, bias); }

    Parameter weight, bias;  // [C]
};

// Two linear layers with gelu between.
class Mlp : public Module {
  public:
    Mlp(int64_t channels, int64_t hidden, const LinearOptions& options = {});
    Tensor forward(const Tensor& x) const override { return mlp(x, fc1.weight, fc1.bias, fc2.weight, fc2.bias); }
    // With dropout of the hidden layer, which the fused operation does not have.
    Tensor forward(const Tensor& x, const std::function<Tensor(const Tensor&)>& dropout) const {
        return fc2.forward(dropout(gelu(fc1.forward(x))));
    }

    Linear fc1, fc2;
};

// In training, each element is 0 with probability `rate`, else times 1 / (1 - rate). A module draws once a step: called
// twice in a step, it leaves out the same places twice.
class Dropout : public Module {
  public:
    explicit Dropout(double rate);
    Tensor forward(const Tensor& x) const override;
    void draw_ahead(int64_t batch, DType dtype, Device device) override;

  private:
    double rate_;
    Tensor drawn_;  // int64 [2]: this step's random numbers, on a device
};

// In training, each sample [B, ...] is 0 with probability `rate`, else times 1 / (1 - rate): a residual branch left
// out. Source: Huang et al., "Deep networks with stochastic depth", arXiv 1603.09382.
class DropPath : public Module {
  public:
    explicit DropPath(double rate);
    Tensor forward(const Tensor& x) const override;
    void draw_ahead(int64_t batch, DType dtype, Device device) override;

  private:
    Tensor draw(int64_t batch, DType dtype, Device device) const;

    double rate_;
    Tensor keep_;  // [B], drawn ahead
};

}  // namespace swingrad

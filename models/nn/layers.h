// Layers for any model: a few parameters and the operation they are for.
#pragma once

#include "models/nn/module.h"
#include "ops/ops.h"

namespace swingrad {

// Weights of linear layers start from a normal distribution of this standard deviation.
inline constexpr double weight_deviation = 0.02;

class LayerNorm : public Module {
  public:
    // weight starts at `start` (0 makes a residual branch start as nothing), bias at 0.
    explicit LayerNorm(int64_t channels, double start = 1);
    Tensor forward(const Tensor& x) const { return layer_norm(x, weight, bias); }

    Parameter weight, bias;  // [C]
};

class Linear : public Module {
  public:
    Linear(int64_t inputs, int64_t outputs, bool with_bias = true);
    Tensor forward(const Tensor& x) const { return linear(x, weight, bias); }

    Parameter weight, bias;  // [O, I], [O]; bias stays undefined without one
};

// Two linear layers with gelu between.
class Mlp : public Module {
  public:
    Mlp(int64_t channels, int64_t hidden);
    Tensor forward(const Tensor& x) const { return mlp(x, fc1.weight, fc1.bias, fc2.weight, fc2.bias); }
    // With dropout of the hidden layer, which the fused operation does not have.
    Tensor forward(const Tensor& x, double drop_rate, Random random) const {
        return fc2.forward(dropout(gelu(fc1.forward(x)), drop_rate, random));
    }

    Linear fc1, fc2;
};

}  // namespace swingrad

// What a parameter holds before the first step. The caller of a layer chooses; the defaults are the field's.
#pragma once

#include <cmath>
#include <cstdint>

namespace swingrad {

struct Init {
    enum class Kind { constant, normal, uniform } kind = Kind::constant;
    double value = 0;  // the constant, the standard deviation, or the bound of [-value, value)

    static Init constant(double value) { return {Kind::constant, value}; }
    static Init normal(double deviation) { return {Kind::normal, deviation}; }
    static Init uniform(double bound) { return {Kind::uniform, bound}; }

    // fan_in: how many inputs one output is a sum over. fan_out: how many outputs one input goes into.
    //
    // PyTorch's default for weights and biases of Linear and Conv2d: uniform within 1 / sqrt(fan_in).
    static Init uniform_by_fan_in(int64_t fan_in) { return uniform(1 / std::sqrt(static_cast<double>(fan_in))); }
    // For layers before a relu: variance 2 / fan_in. Source: He et al., arXiv 1502.01852.
    static Init kaiming_normal(int64_t fan_in) { return normal(std::sqrt(2 / static_cast<double>(fan_in))); }
    // For layers without a nonlinearity between them, or with tanh: variance 2 / (fan_in + fan_out). Source: Glorot,
    // Bengio, "Understanding the difficulty of training deep feedforward neural networks".
    static Init xavier_uniform(int64_t fan_in, int64_t fan_out) {
        return uniform(std::sqrt(6 / static_cast<double>(fan_in + fan_out)));
    }
};

}  // namespace swingrad

#include "models/nn/layers.h"

namespace swingrad {

LayerNorm::LayerNorm(int64_t channels, double start) {
    declare("weight", weight, {channels}, Init::constant(start), Decay::no);
    declare("bias", bias, {channels}, Init::constant(0), Decay::no);
}

Linear::Linear(int64_t inputs, int64_t outputs, bool with_bias) {
    declare("weight", weight, {outputs, inputs}, Init::normal(weight_deviation), Decay::yes);
    if (with_bias) declare("bias", bias, {outputs}, Init::constant(0), Decay::no);
}

Mlp::Mlp(int64_t channels, int64_t hidden) : fc1(channels, hidden), fc2(hidden, channels) {
    declare("fc1", fc1);
    declare("fc2", fc2);
}

}  // namespace swingrad

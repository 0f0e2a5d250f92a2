#include "models/layers.h"

#include <cmath>

namespace swingrad {
namespace {

constexpr double weight_deviation = 0.02;  // of every linear layer's start
constexpr int64_t cpb_hidden = 512;

}  // namespace

LayerNorm::LayerNorm(int64_t channels, double start) {
    declare("weight", weight, {channels}, Init::constant(start), Decay::no);
    declare("bias", bias, {channels}, Init::constant(0), Decay::no);
}

Linear::Linear(int64_t inputs, int64_t outputs, bool with_bias) {
    declare("weight", weight, {outputs, inputs}, Init::normal(weight_deviation), Decay::yes);
    if (with_bias) declare("bias", bias, {outputs}, Init::constant(0), Decay::no);
}

PatchEmbed::Projection::Projection(int64_t in_chans, int64_t channels, Extent patch) {
    // The one layer that keeps a convolution's usual start, uniform within 1 / sqrt(inputs).
    const double bound = 1 / std::sqrt(static_cast<double>(in_chans * patch.rows * patch.columns));
    declare("weight", weight, {channels, in_chans, patch.rows, patch.columns}, Init::uniform(bound), Decay::yes);
    declare("bias", bias, {channels}, Init::uniform(bound), Decay::no);
}

PatchEmbed::PatchEmbed(int64_t in_chans, int64_t channels, Extent patch)
    : proj(in_chans, channels, patch), norm(channels) {
    declare("proj", proj);
    declare("norm", norm);
}

Tensor PatchEmbed::forward(const Tensor& images) const {
    return norm.forward(patch_embedding(images, proj.weight, proj.bias));
}

PatchMerging::PatchMerging(int64_t channels) : reduction(4 * channels, 2 * channels, false), norm(2 * channels) {
    declare("reduction", reduction);
    declare("norm", norm);
}

WindowAttention::WindowAttention(const BlockConfig& config)
    : qkv(config.channels, 3 * config.channels, false),
      proj(config.channels, config.channels),
      map_(config.windows),
      coordinates_(log_coordinates(map_->window, config.pretrained_window, DType::float32)) {
    declare("logit_scale", logit_scale, {config.heads, 1, 1}, Init::constant(std::log(10.0)), Decay::no);
    if (config.qkv_bias) {
        declare("q_bias", q_bias, {config.channels}, Init::constant(0), Decay::no);
        declare("v_bias", v_bias, {config.channels}, Init::constant(0), Decay::no);
    }
    declare("cpb_mlp.0.weight", cpb_weight1, {cpb_hidden, 2}, Init::normal(weight_deviation), Decay::no);
    declare("cpb_mlp.0.bias", cpb_bias1, {cpb_hidden}, Init::constant(0), Decay::no);
    declare("cpb_mlp.2.weight", cpb_weight2, {config.heads, cpb_hidden}, Init::normal(weight_deviation), Decay::no);
    declare("qkv", qkv);
    declare("proj", proj);
}

Tensor WindowAttention::forward(const Tensor& x) const {
    const DType dtype = x.dtype();
    Tensor bias, padding;
    if (q_bias.value.defined()) bias = qkv_bias(q_bias, v_bias);
    // A padded token is a zero vector, so its q, k and v are the bias alone.
    if (map_->has_padding) padding = bias.defined() ? bias : Tensor::zeros({3 * x.shape()[3]}, dtype);

    const Tensor coordinates = dtype == DType::float32 ? coordinates_ : coordinates_.to(dtype);
    const Tensor position_bias = log_cpb(coordinates, cpb_weight1, cpb_bias1, cpb_weight2, map_);
    const Tensor tokens = linear(x, qkv.weight, bias);  // [B, H, W, 3C]
    return proj.forward(cosine_attention(tokens, padding, logit_scale, position_bias, map_));
}

Mlp::Mlp(int64_t channels, int64_t hidden) : fc1(channels, hidden), fc2(hidden, channels) {
    declare("fc1", fc1);
    declare("fc2", fc2);
}

// The norms at the ends of the branches start at 0: every block starts as the identity.
Block::Block(const BlockConfig& config, int64_t number)
    : attn(config),
      norm1(config.channels, 0),
      mlp(config.channels, config.hidden),
      norm2(config.channels, 0),
      drop_path_(config.drop_path),
      number_(number) {
    declare("attn", attn);
    declare("norm1", norm1);
    declare("mlp", mlp);
    declare("norm2", norm2);
    if (config.extra_norm) {
        norm3 = std::make_unique<LayerNorm>(config.channels);
        declare("norm3", *norm3);
    }
}

Tensor Block::keep(const Tensor& x, const ForwardOptions& options, int branch) const {
    if (!options.training || drop_path_ == 0) return {};
    return drop_path_keep(x.shape()[0], drop_path_, options.random.split(static_cast<uint64_t>(2 * number_ + branch)),
                          x.dtype());
}

Tensor Block::forward(const Tensor& x, const ForwardOptions& options) const {
    const Tensor attended = residual_norm(x, attn.forward(x), norm1.weight, norm1.bias, keep(x, options, 0));
    const Tensor fed = residual_norm(attended, mlp.forward(attended), norm2.weight, norm2.bias, keep(x, options, 1));
    return norm3 ? norm3->forward(fed) : fed;
}

}  // namespace swingrad

#include "models/swin/window_attention.h"

#include "ops/attention/attention_inputs.h"
#include "ops/attention/plain_attention.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr int64_t cpb_hidden = 512;

OffsetScale offset_scale(PositionBias bias, CpbFormula formula) {
    if (formula == CpbFormula::paper)
        return bias == PositionBias::log_cpb ? OffsetScale::log_of_tokens : OffsetScale::tokens;
    return bias == PositionBias::log_cpb ? OffsetScale::log_of_window : OffsetScale::window;
}

}  // namespace

WindowAttention::WindowAttention(const SwinConfig& model, const BlockConfig& block)
    : qkv(block.channels, 3 * block.channels, start_of_linear(model.qkv_bias && model.key_bias)),
      proj(block.channels, block.channels, start_of_linear()),
      kind_(model.attention),
      position_bias_(model.position_bias),
      formula_(model.cpb_formula),
      sequential_(model.sequential_attention),
      heads_(block.heads),
      map_(block.windows) {
    if (kind_ == AttentionKind::cosine)
        declare("logit_scale", logit_scale, {heads_, 1, 1}, Init::constant(std::log(10.0)));
    if (model.qkv_bias && !model.key_bias) {
        declare("q_bias", q_bias, {block.channels}, Init::constant(0));
        declare("v_bias", v_bias, {block.channels}, Init::constant(0));
    }
    if (position_bias_ == PositionBias::table) {
        declare("relative_position_bias_table", relative_position_bias_table, {map_->offsets(), heads_},
                Init::normal(weight_deviation));
    } else if (position_bias_ != PositionBias::none) {
        coordinates_ = relative_coordinates(map_->window, block.pretrained_window,
                                            offset_scale(position_bias_, formula_), DType::float32);
        declare("cpb_mlp.0.weight", cpb_weight1, {cpb_hidden, 2}, Init::normal(weight_deviation));
        declare("cpb_mlp.0.bias", cpb_bias1, {cpb_hidden}, Init::constant(0));
        declare("cpb_mlp.2.weight", cpb_weight2, {heads_, cpb_hidden}, Init::normal(weight_deviation));
    }
    declare("qkv", qkv);
    declare("proj", proj);
}

Tensor WindowAttention::position_bias() const {
    if (position_bias_ == PositionBias::none) return {};
    if (position_bias_ == PositionBias::table) return relative_position_bias_table;
    // Moved to where the parameters are once, not in every step.
    const Tensor& of = cpb_weight1;
    if (coordinates_.dtype() != of.dtype()) coordinates_ = coordinates_.to(of.dtype());
    if (coordinates_.device() != of.device()) coordinates_ = coordinates_.on(of.device());
    if (formula_ == CpbFormula::code)
        return continuous_position_bias(coordinates_, cpb_weight1, cpb_bias1, cpb_weight2);
    return linear(relu(linear(coordinates_, cpb_weight1, cpb_bias1)), cpb_weight2);
}

Tensor WindowAttention::bias() const {
    if (q_bias.value.defined()) return qkv_bias(q_bias, v_bias);
    return qkv.bias;
}

WindowAttention::Projected WindowAttention::project(const Tensor& x) const {
    const Tensor bias_of_qkv = bias();
    return {linear(x, qkv.weight, bias_of_qkv), padding_of(x, bias_of_qkv, *map_)};
}

Tensor WindowAttention::forward(const Tensor& x) const {
    const Tensor table = position_bias();
    if (!sequential_)
        return multi_head_attention(x, qkv.weight, bias(), heads_, logit_scale, table, proj.weight, proj.bias, map_);
    const auto [tokens, padding] = project(x);
    return proj.forward(sequential_attention(tokens, padding, heads_, logit_scale, table, map_));
}

Tensor WindowAttention::weights(const Tensor& x) const {
    const auto [tokens, padding] = project(x);
    return attention_weights(tokens, padding, heads_, logit_scale, position_bias(), map_).weights;
}

std::vector<double> WindowAttention::score_scales() const {
    if (kind_ != AttentionKind::cosine) return {};
    std::vector<double> scales = logit_scale.value.on_cpu().values();
    for (double& scale : scales) scale = std::exp(std::min(scale, std::log(100.0)));
    return scales;
}

}  // namespace swingrad

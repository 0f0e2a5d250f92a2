#include "models/swin/layers.h"

#include "autograd/checkpoint.h"
#include "ops/attention/attention_inputs.h"
#include "ops/attention/plain_attention.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

constexpr double weight_deviation = 0.02;  // of every linear layer's start
constexpr int64_t cpb_hidden = 512;

// Norms at the ends of residual branches start at 0, so that every block starts as the identity. Any other norm would
// leave nothing of what goes through it.
double start_of_norm(NormPlacement placement) {
    return placement == NormPlacement::res_post || placement == NormPlacement::sandwich ? 0 : 1;
}

OffsetScale offset_scale(PositionBias bias, CpbFormula formula) {
    if (formula == CpbFormula::paper)
        return bias == PositionBias::log_cpb ? OffsetScale::log_of_tokens : OffsetScale::tokens;
    return bias == PositionBias::log_cpb ? OffsetScale::log_of_window : OffsetScale::window;
}

int64_t hidden_of(const SwinConfig& model, int64_t channels) {
    return static_cast<int64_t>(static_cast<double>(channels) * model.mlp_ratio);
}

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

PatchMerging::PatchMerging(int64_t channels, MergingNorm placement)
    : reduction(4 * channels, 2 * channels, false),
      norm((placement == MergingNorm::after ? 2 : 4) * channels),
      placement_(placement) {
    declare("reduction", reduction);
    declare("norm", norm);
}

Tensor PatchMerging::forward(const Tensor& x) const {
    const Tensor merged = patch_merging(x);
    return placement_ == MergingNorm::after ? norm.forward(reduction.forward(merged))
                                            : reduction.forward(norm.forward(merged));
}

// ---- attention

WindowAttention::WindowAttention(const SwinConfig& model, const BlockConfig& block)
    : qkv(block.channels, 3 * block.channels, model.qkv_bias && model.key_bias),
      proj(block.channels, block.channels),
      kind_(model.attention),
      position_bias_(model.position_bias),
      formula_(model.cpb_formula),
      sequential_(model.sequential_attention),
      heads_(block.heads),
      map_(block.windows) {
    if (kind_ == AttentionKind::cosine)
        declare("logit_scale", logit_scale, {heads_, 1, 1}, Init::constant(std::log(10.0)), Decay::no);
    if (model.qkv_bias && !model.key_bias) {
        declare("q_bias", q_bias, {block.channels}, Init::constant(0), Decay::no);
        declare("v_bias", v_bias, {block.channels}, Init::constant(0), Decay::no);
    }
    if (position_bias_ == PositionBias::table) {
        declare("relative_position_bias_table", relative_position_bias_table, {map_->offsets(), heads_},
                Init::normal(weight_deviation), Decay::no);
    } else if (position_bias_ != PositionBias::none) {
        coordinates_ = relative_coordinates(map_->window, block.pretrained_window,
                                            offset_scale(position_bias_, formula_), DType::float32);
        declare("cpb_mlp.0.weight", cpb_weight1, {cpb_hidden, 2}, Init::normal(weight_deviation), Decay::no);
        declare("cpb_mlp.0.bias", cpb_bias1, {cpb_hidden}, Init::constant(0), Decay::no);
        declare("cpb_mlp.2.weight", cpb_weight2, {heads_, cpb_hidden}, Init::normal(weight_deviation), Decay::no);
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

// ---- block

Mlp::Mlp(int64_t channels, int64_t hidden) : fc1(channels, hidden), fc2(hidden, channels) {
    declare("fc1", fc1);
    declare("fc2", fc2);
}

Block::Block(const SwinConfig& model, const BlockConfig& block)
    : attn(model, block),
      norm1(block.channels, start_of_norm(model.norm)),
      mlp(block.channels, hidden_of(model, block.channels)),
      norm2(block.channels, start_of_norm(model.norm)),
      placement_(model.norm),
      checkpoint_(model.checkpoint_blocks),
      drop_path_(block.drop_path),
      proj_drop_(model.proj_drop_rate),
      number_(block.number) {
    declare("attn", attn);
    declare("norm1", norm1);
    declare("mlp", mlp);
    declare("norm2", norm2);
    if (placement_ == NormPlacement::sandwich) {
        pre_norm1 = std::make_unique<LayerNorm>(block.channels);
        pre_norm2 = std::make_unique<LayerNorm>(block.channels);
        declare("pre_norm1", *pre_norm1);
        declare("pre_norm2", *pre_norm2);
    }
    if (block.extra_norm) {
        norm3 = std::make_unique<LayerNorm>(block.channels);
        declare("norm3", *norm3);
    }
}

Tensor Block::keep(const Tensor& x, const ForwardOptions& options, int branch) const {
    if (!options.training || drop_path_ == 0) return {};
    const int64_t row = 2 * number_ + branch;
    if (options.keeps.defined()) return options.keeps.slice(row, row + 1).view({x.shape()[0]});
    const Random random = options.random.split(static_cast<uint64_t>(row));
    return drop_path_keep(x.shape()[0], drop_path_, random, acc_dtype(x.dtype()), x.device());
}

Tensor Block::attention_branch(const Tensor& x, const ForwardOptions& options) const {
    if (options.observe_attention) options.observe_attention(number_, attn, x);
    const Tensor y = attn.forward(x);
    if (!options.training || proj_drop_ == 0) return y;
    return dropout(y, proj_drop_, options.random.split(dropout_streams + 3 * static_cast<uint64_t>(number_)));
}

Tensor Block::mlp_branch(const Tensor& x, const ForwardOptions& options) const {
    if (!options.training || proj_drop_ == 0) return mlp.forward(x);
    const uint64_t stream = dropout_streams + 3 * static_cast<uint64_t>(number_);
    const Tensor y = mlp.forward(x, proj_drop_, options.random.split(stream + 1));
    return dropout(y, proj_drop_, options.random.split(stream + 2));
}

template <class Branch>
Tensor Block::with_branch(const Tensor& x, const Branch& branch, const LayerNorm& norm, const LayerNorm* pre_norm,
                          const Tensor& keep) const {
    // What is dropped is not computed, but on a device, whose recorded step has the same shapes each time, and with
    // dropout, whose draws go by place in the batch.
    const bool skips = keep.defined() && keep.device() == Device::cpu && proj_drop_ == 0;
    const Tensor in = skips ? select_kept(x, keep) : x;
    const auto added = [&](const Tensor& y) {
        if (!keep.defined()) return add(x, y);
        return add(x, drop_path(skips ? restore_dropped(y, keep) : y, keep));
    };
    switch (placement_) {
        case NormPlacement::res_post: return residual_norm(x, branch(in), norm.weight, norm.bias, keep);
        case NormPlacement::sandwich:
            return residual_norm(x, branch(pre_norm->forward(in)), norm.weight, norm.bias, keep);
        case NormPlacement::pre: return added(branch(norm.forward(in)));
        case NormPlacement::post: return norm.forward(added(branch(in)));
    }
    fail("[block] unknown norm placement {}", static_cast<int>(placement_));
}

Tensor Block::compute(const Tensor& x, const ForwardOptions& options) const {
    const auto attend = [&](const Tensor& in) { return attention_branch(in, options); };
    const auto feed = [&](const Tensor& in) { return mlp_branch(in, options); };
    const Tensor attended = with_branch(x, attend, norm1, pre_norm1.get(), keep(x, options, 0));
    const Tensor fed = with_branch(attended, feed, norm2, pre_norm2.get(), keep(x, options, 1));
    return norm3 ? norm3->forward(fed) : fed;
}

Tensor Block::forward(const Tensor& x, const ForwardOptions& options) const {
    if (!checkpoint_) return compute(x, options);
    // The replay uses the parameters where they are, so their gradients arrive as without it: x needs a gradient itself
    // wherever they do, since the patch embedding comes before all blocks. It draws the same drop path.
    return checkpoint([this, options](const std::vector<Tensor>& in) { return compute(in[0], options); }, {x});
}

}  // namespace swingrad

// A Swin Transformer with any switches from plain operations, each proved alone: what models/ is compared with.
#pragma once

#include "models/swin/swin_v2.h"
#include "ops/attention/plain_attention.h"

#include <map>
#include <string>

namespace swingrad::test {

class PlainSwin {
  public:
    // Parameters by the names of the model's.
    PlainSwin(const SwinConfig& config, const std::map<std::string, Tensor>& parameters)
        : config_(config), parameters_(parameters) {}

    Tensor forward(const Tensor& images) const {
        Tensor x = norm("patch_embed.norm", patches(images));
        for (size_t stage = 0; stage < config_.depths.size(); ++stage) {
            const std::string prefix = fmt::format("layers.{}.", stage);
            if (stage > 0) x = merge(prefix + "downsample.", x);
            for (int64_t j = 0; j < config_.depths[stage]; ++j)
                x = block(fmt::format("{}blocks.{}.", prefix, j), x, stage, j);
        }
        x = norm("norm", x);
        const Shape s = x.shape();
        const Tensor summed = sum_to(x, {s[0], 1, 1, s[3]});
        return linear_layer("head.fc", scale(reshape(summed, {s[0], s[3]}), 1.0 / static_cast<double>(s[1] * s[2])));
    }

  private:
    Tensor of(const std::string& name) const {
        const auto found = parameters_.find(name);
        return found == parameters_.end() ? Tensor() : found->second;
    }
    Tensor norm(const std::string& name, const Tensor& x) const {
        return layer_norm(x, of(name + ".weight"), of(name + ".bias"));
    }
    Tensor linear_layer(const std::string& name, const Tensor& x) const {
        return linear(x, of(name + ".weight"), of(name + ".bias"));
    }

    Tensor patches(const Tensor& images) const {
        const auto [p, q] = config_.patch_size;
        const Shape s = images.shape();
        const Tensor cut = permute(reshape(images, {s[0], s[1] / p, p, s[2] / q, q, s[3]}), {0, 1, 3, 5, 2, 4});
        const Tensor weight = of("patch_embed.proj.weight");
        return linear(reshape(cut, {s[0], s[1] / p, s[2] / q, s[3] * p * q}),
                      reshape(weight, {weight.shape()[0], s[3] * p * q}), of("patch_embed.proj.bias"));
    }

    Tensor merge(const std::string& name, const Tensor& x) const {
        const Tensor four = patch_merging(x);
        if (config_.merging_norm == MergingNorm::after)
            return norm(name + "norm", linear_layer(name + "reduction", four));
        return linear_layer(name + "reduction", norm(name + "norm", four));
    }

    Tensor position_bias(const std::string& name, const WindowMap& map, Extent pretrained) const {
        if (config_.position_bias == PositionBias::none) return {};
        if (config_.position_bias == PositionBias::table) return of(name + "relative_position_bias_table");
        const bool paper = config_.cpb_formula == CpbFormula::paper,
                   log = config_.position_bias == PositionBias::log_cpb;
        const OffsetScale scale_of = paper ? log ? OffsetScale::log_of_tokens : OffsetScale::tokens
                                     : log ? OffsetScale::log_of_window
                                           : OffsetScale::window;
        const Tensor coordinates = relative_coordinates(map->window, pretrained, scale_of, DType::float64);
        const Tensor hidden = relu(linear(coordinates, of(name + "cpb_mlp.0.weight"), of(name + "cpb_mlp.0.bias")));
        const Tensor result = linear(hidden, of(name + "cpb_mlp.2.weight"));
        return paper ? result : scale(sigmoid(result), 16);
    }

    Tensor attention(const std::string& name, const Tensor& x, size_t stage, int64_t j) const {
        const WindowMap map = block_window_map({x.shape()[1], x.shape()[2]}, config_.window_size[stage], j % 2 == 1,
                                               config_.padding_order);
        const int64_t C = x.shape()[3];
        const Tensor zeros = Tensor::zeros({3 * C}, DType::float64);
        Tensor bias = of(name + "qkv.bias");
        if (of(name + "q_bias").defined()) bias = qkv_bias(of(name + "q_bias"), of(name + "v_bias"));
        const Tensor padding = !map->has_padding ? Tensor() : bias.defined() ? bias : zeros;
        const Tensor table = position_bias(name, map, config_.pretrained_window_sizes[stage]);
        const Tensor qkv = linear(x, of(name + "qkv.weight"), bias);
        return linear_layer(name + "proj", plain_attention(qkv, padding, config_.num_heads[stage],
                                                           of(name + "logit_scale"), table, map));
    }

    Tensor mlp_layer(const std::string& name, const Tensor& x) const {
        return linear_layer(name + "fc2", gelu(linear_layer(name + "fc1", x)));
    }

    template <class Branch>
    Tensor with_branch(const std::string& name, const char* number, const Tensor& x, const Branch& branch) const {
        const std::string after = name + "norm" + number, before = name + "pre_norm" + number;
        switch (config_.norm) {
            case NormPlacement::res_post: return add(x, norm(after, branch(x)));
            case NormPlacement::pre: return add(x, branch(norm(after, x)));
            case NormPlacement::post: return norm(after, add(x, branch(x)));
            case NormPlacement::sandwich: return add(x, norm(after, branch(norm(before, x))));
        }
        fail("no such placement");
    }

    Tensor block(const std::string& name, const Tensor& x, size_t stage, int64_t j) const {
        Tensor y = with_branch(name, "1", x, [&](const Tensor& in) { return attention(name + "attn.", in, stage, j); });
        y = with_branch(name, "2", y, [&](const Tensor& in) { return mlp_layer(name + "mlp.", in); });
        return of(name + "norm3.weight").defined() ? norm(name + "norm3", y) : y;
    }

    const SwinConfig& config_;
    const std::map<std::string, Tensor>& parameters_;
};

}  // namespace swingrad::test

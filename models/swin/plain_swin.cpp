#include "models/swin/plain_swin.h"

#include "ops/attention/plain_attention.h"

namespace swingrad {

// The whole network. An image becomes a map of tokens, one a patch, each a vector of C numbers. Blocks change the
// tokens and keep the map; between stages the map shrinks to half its rows and columns, and the vectors double. The
// mean of the last map's tokens is one vector for the image, and a linear layer makes a number a class of it.
Tensor PlainSwin::forward(const Tensor& images) const {
    Tensor x = norm("patch_embed.norm", patch_embed(images));  // [B, H, W, C], in patches from here on
    // Where absolute positions are wanted: a learnt vector for each place, the same in all images.
    if (const Tensor positions = of("absolute_pos_embed"); positions.defined()) x = add(x, positions);
    for (size_t stage = 0; stage < config_.depths.size(); ++stage) {
        const std::string prefix = fmt::format("layers.{}.", stage);
        if (stage > 0) x = merge(prefix + "downsample.", x);  // [B, H/2, W/2, 2C]
        for (int64_t j = 0; j < config_.depths[stage]; ++j)
            x = block(fmt::format("{}blocks.{}.", prefix, j), x, stage, j);
    }
    x = norm("norm", x);
    const int64_t B = x.shape()[0], tokens = x.shape()[1] * x.shape()[2], C = x.shape()[3];
    const Tensor sum_of_tokens = reshape(sum_to(x, {B, 1, 1, C}), {B, C});
    return linear_layer("head.fc", scale(sum_of_tokens, 1.0 / static_cast<double>(tokens)));
}

// All numbers of a patch of p x q pixels go through one linear layer: a convolution whose stride is its kernel's size.
Tensor PlainSwin::patch_embed(const Tensor& images) const {
    const auto [p, q] = config_.patch_size;
    const int64_t B = images.shape()[0], I = images.shape()[3], rows = images.shape()[1] / p,
                  columns = images.shape()[2] / q;
    // [B, rows, p, columns, q, I] -> [B, rows, columns, I, p, q], the order in which the weight has its inputs
    const Tensor cut = permute(reshape(images, {B, rows, p, columns, q, I}), {0, 1, 3, 5, 2, 4});
    const Tensor weight = of("patch_embed.proj.weight");  // [C, I, p, q]
    return linear(reshape(cut, {B, rows, columns, I * p * q}), reshape(weight, {weight.shape()[0], I * p * q}),
                  of("patch_embed.proj.bias"));
}

// Four neighbours become one token: their vectors one after the other, 4C numbers, mapped to 2C.
Tensor PlainSwin::merge(const std::string& name, const Tensor& x) const {
    const Tensor four = patch_merging(x);  // [B, H/2, W/2, 4C]
    if (config_.merging_norm == MergingNorm::after) return norm(name + "norm", linear_layer(name + "reduction", four));
    return linear_layer(name + "reduction", norm(name + "norm", four));
}

// Attention lets tokens look at each other; then the MLP, C -> 4C -> C, takes each token by itself. Both are added to
// what they were given, so that a block changes its input by a little and need not carry it.
Tensor PlainSwin::block(const std::string& name, const Tensor& x, size_t stage, int64_t number) const {
    const auto attend = [&](const Tensor& in) { return attention(name + "attn.", in, stage, number); };
    const auto feed = [&](const Tensor& in) {
        return linear_layer(name + "mlp.fc2", gelu(linear_layer(name + "mlp.fc1", in)));
    };
    const Tensor y = with_branch(name, "2", with_branch(name, "1", x, attend), feed);
    return of(name + "norm3.weight").defined() ? norm(name + "norm3", y) : y;  // now and then, in the largest models
}

// Where the norm stands is the first thing V2 changed. At the end of the branch, every branch adds something of one
// size; before it, as in V1, what is added may grow from block to block, and in deep models it does.
Tensor PlainSwin::with_branch(const std::string& name, const std::string& number, const Tensor& x,
                              const std::function<Tensor(const Tensor&)>& branch) const {
    const std::string after = name + "norm" + number, before = name + "pre_norm" + number;
    switch (config_.norm) {
        case NormPlacement::res_post: return add(x, norm(after, branch(x)));  // V2
        case NormPlacement::pre: return add(x, branch(norm(after, x)));       // V1
        case NormPlacement::post: return norm(after, add(x, branch(x)));
        case NormPlacement::sandwich: return add(x, norm(after, branch(norm(before, x))));
    }
    fail("[plain_swin] unknown norm placement {}", static_cast<int>(config_.norm));
}

// A linear layer gives each token a query, a key and a value for every head. Within a window, the score of a query and
// a key is their product (V1) or a learnt scale times the cosine of their angle (V2), plus a bias for where the key
// lies relative to the query. Softmax makes shares of a query's scores, and by these the values are summed:
// plain_attention, a step a line in ops/attention/plain_attention.cpp. Another linear layer mixes the heads. Windows do
// not see each other, so in every other block they lie half a window further, across the borders before.
Tensor PlainSwin::attention(const std::string& name, const Tensor& x, size_t stage, int64_t number) const {
    const WindowMap windows = block_window_map({x.shape()[1], x.shape()[2]}, config_.window_size[stage],
                                               number % 2 == 1, config_.padding_order);
    Tensor bias = of(name + "qkv.bias");  // V1; in V2 a key has none:
    if (of(name + "q_bias").defined()) bias = qkv_bias(of(name + "q_bias"), of(name + "v_bias"));
    const Tensor qkv = linear(x, of(name + "qkv.weight"), bias);  // [B, H, W, 3C]
    // A map that is no whole windows is padded with tokens of zeros: linear(0) is the bias, or 0 without one.
    Tensor padding;
    if (windows->has_padding)
        padding = bias.defined() ? bias : Tensor::zeros({3 * x.shape()[3]}, x.dtype(), x.device());
    const Tensor table = position_bias(name, windows->window, config_.pretrained_window_sizes[stage]);
    return linear_layer(name + "proj", plain_attention(qkv, padding, config_.num_heads[stage], of(name + "logit_scale"),
                                                       table, windows));
}

// The bias of every offset between two tokens of a window, for each head, [offsets, h]. V1 learns a table. V2 learns a
// small network that computes it from the offset, on a logarithmic scale: it can be asked about a larger window than it
// was trained with, as the new offsets lie close to those it knows.
Tensor PlainSwin::position_bias(const std::string& name, Extent window, Extent pretrained) const {
    if (config_.position_bias == PositionBias::none) return {};
    if (config_.position_bias == PositionBias::table) return of(name + "relative_position_bias_table");
    const bool paper = config_.cpb_formula == CpbFormula::paper, log = config_.position_bias == PositionBias::log_cpb;
    const OffsetScale units = paper ? (log ? OffsetScale::log_of_tokens : OffsetScale::tokens)
                                    : (log ? OffsetScale::log_of_window : OffsetScale::window);
    const Tensor weight = of(name + "cpb_mlp.0.weight"),
                 coordinates = relative_coordinates(window, pretrained, units, weight.dtype());
    const Tensor hidden = relu(linear(coordinates, weight, of(name + "cpb_mlp.0.bias")));
    const Tensor result = linear(hidden, of(name + "cpb_mlp.2.weight"));
    return paper ? result : scale(sigmoid(result), 16);  // the published code keeps it between 0 and 16
}

}  // namespace swingrad

#include "train/program/explain/layer_text.h"

#include "core/error.h"

namespace swingrad {
namespace {

const char* const norm_formula =
    "LayerNorm(x) = weight (x - mean) / sqrt(variance + 1e-5) + bias, over a token's channels";

// The last part of a name: "norm1" of "layers.0.blocks.1.norm1".
std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

LayerText patch_embed(const SwinConfig& config) {
    const auto [rows, columns] = config.patch_size;
    return {"Patches become tokens",
            {fmt::format("a patch is {} x {} pixels of {} channels, {} numbers p", rows, columns, config.in_chans,
                         rows * columns * config.in_chans),
             "token = LayerNorm(W p + b)", norm_formula},
            {"models/swin/patches.cpp", "ops/image/patch_embedding.cpp", "ops/norm/layer_norm.cpp"}};
}

LayerText positions() {
    return {"Tokens are told where they are",
            {"token <- token + P(row, column), a learnt vector for each place, the same in all pictures"},
            {"models/swin/swin_v2.cpp", "ops/pointwise/arithmetic.cpp"}};
}

// Whose branch a norm belongs to, where it stands, and what it does to the stream x.
LayerText norm(const SwinConfig& config, const std::string& part) {
    std::vector<std::string> code{"models/swin/block.cpp", "ops/norm/layer_norm.cpp"};
    if (part == "norm")
        return {"The last norm", {"x <- LayerNorm(x)", norm_formula}, {"models/swin/swin_v2.cpp", code[1]}};
    if (part == "norm3") return {"An extra norm of the stream", {"x <- LayerNorm(x)", norm_formula}, code};
    const std::string branch = part.ends_with('1') ? "attention" : "mlp";
    if (part.starts_with("pre_norm"))
        return {fmt::format("The norm before {}", branch),
                {fmt::format("goes into {}: LayerNorm(x)", branch), norm_formula},
                code};
    std::string line;
    switch (config.norm) {
        case NormPlacement::res_post: line = fmt::format("x <- x + LayerNorm({}(x))", branch); break;
        case NormPlacement::sandwich: line = fmt::format("x <- x + LayerNorm({}(pre_norm(x)))", branch); break;
        case NormPlacement::pre: line = fmt::format("x <- x + {}(LayerNorm(x))", branch); break;
        case NormPlacement::post: line = fmt::format("x <- LayerNorm(x + {}(x))", branch); break;
    }
    if (config.norm == NormPlacement::res_post || config.norm == NormPlacement::sandwich)
        code.insert(code.begin() + 1, "ops/norm/residual_norm.cpp");
    else code.insert(code.begin() + 1, "ops/regularise/residual_add.cpp");
    return {fmt::format("The norm of {}, and the sum", branch), {line, norm_formula}, code};
}

// What a score gets for where the key lies, d rows and columns from the query, in windows of M.
std::vector<std::string> bias_formula(const SwinConfig& config) {
    const bool logarithmic = config.position_bias == PositionBias::log_cpb;
    switch (config.position_bias) {
        case PositionBias::none: return {};
        case PositionBias::table: return {"B(d) = an entry of a learnt table, one for each offset d and head"};
        default: break;
    }
    if (config.cpb_formula == CpbFormula::paper)
        return {"B(d) = W2 relu(W1 z + b1), for each offset d of rows and columns, all heads at once",
                logarithmic ? "z = sign(d) ln(1 + |d|)" : "z = d"};
    return {"B(d) = 16 sigmoid(W2 relu(W1 z + b1)), for each offset d of rows and columns, all heads at once",
            logarithmic ? "z = sign(s) log2(1 + |s|) / 3, s = 8 d / (M - 1), windows of M tokens a side"
                        : "z = d / (M - 1), windows of M tokens a side"};
}

LayerText attention(const SwinConfig& config) {
    const bool cosine = config.attention == AttentionKind::cosine, biased = config.position_bias != PositionBias::none;
    std::vector<std::string> formula{
        "[q, k, v] = W x + b, split into heads; within each window, for each head:",
        fmt::format("score = {}{}", cosine ? "cos(q, k) / tau" : "q . k / sqrt(D)", biased ? " + B(d)" : "")};
    if (cosine) formula.emplace_back("tau is learnt by each head, at least 0.01; cos(q, k) = q . k / (|q| |k|)");
    else formula.emplace_back("D is a head's channels");
    for (std::string& line : bias_formula(config)) formula.push_back(std::move(line));
    formula.emplace_back("where the window is shifted, tokens that are no neighbours in the picture get -100");
    formula.emplace_back("share = softmax(score) over the keys; y = W (sum of share v, heads side by side) + b");
    LayerText text{"Attention within windows",
                   formula,
                   {"models/swin/window_attention.cpp", "ops/attention/plain_attention.cpp",
                    "ops/attention/multi_head_attention.cpp", "ops/attention/window_attention.cpp", "ops/window.cpp"}};
    if (biased && config.position_bias != PositionBias::table)
        text.code.emplace_back("ops/attention/continuous_position_bias.cpp");
    return text;
}

LayerText merging(const SwinConfig& config) {
    const bool after = config.merging_norm == MergingNorm::after;
    return {"Four neighbours become one token",
            {"u = the channels of 2 x 2 neighbours, side by side: 4 C numbers",
             after ? "token = LayerNorm(W u), 2 C numbers" : "token = W LayerNorm(u), 2 C numbers", norm_formula},
            {"models/swin/patches.cpp", "ops/image/patch_merging.cpp", "ops/linear/linear.cpp"}};
}

}  // namespace

LayerText text_of_layer(const SwinConfig& config, const std::string& name) {
    const std::string part = last_part(name);
    if (part == "patch_embed") return patch_embed(config);
    if (part == "absolute_pos_embed") return positions();
    if (part == "attn") return attention(config);
    if (part == "mlp")
        return {
            "A network for each token by itself",
            {"y = W2 gelu(W1 x + b1) + b2", fmt::format("{} times as many hidden numbers as x has", config.mlp_ratio),
             "gelu(u) = u times the share of a normal distribution below u"},
            {"models/nn/layers.cpp", "ops/linear/mlp.cpp"}};
    if (part == "downsample") return merging(config);
    if (name == "head.fc")
        return {"The classifier",
                {"logits = W (mean of all tokens) + b, one for each class"},
                {"models/swin/swin_v2.cpp", "ops/image/global_average_pool.cpp", "ops/linear/linear.cpp"}};
    if (name == "loss")
        return {"The loss", {"loss = -ln(softmax(logits) of the class)"}, {"ops/loss/cross_entropy.cpp"}};
    check(part.find("norm") != std::string::npos, "[explain] no layer is called {}", name);
    return norm(config, part);
}

}  // namespace swingrad

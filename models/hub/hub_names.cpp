#include "models/hub/hub_names.h"

#include "core/io/quotes.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace swingrad {
namespace {

using Names = std::pair<std::string_view, std::string_view>;  // timm's, transformers'

// What follows "layers.i.blocks.j." begins so. The first that fits holds.
constexpr Names in_a_block[] = {
    {"attn.proj.", "attention.output.dense."},
    {"attn.cpb_mlp.", "attention.self.continuous_position_bias_mlp."},
    {"attn.q_bias", "attention.self.query.bias"},
    {"attn.v_bias", "attention.self.value.bias"},
    {"attn.", "attention.self."},
    {"norm1.", "layernorm_before."},
    {"norm2.", "layernorm_after."},
    {"mlp.fc1.", "intermediate.dense."},
    {"mlp.fc2.", "output.dense."},
};
constexpr Names outside[] = {
    {"patch_embed.proj.", "embeddings.patch_embeddings.projection."},
    {"patch_embed.norm.", "embeddings.norm."},
    {"norm.", "layernorm."},
};
constexpr std::string_view layers = "layers.", head = "head.fc.", qkv = "attn.qkv.", downsample = "downsample.";

std::string with_beginning(std::string_view name, const Names& of) {
    return fmt::format("{}{}", of.second, name.substr(of.first.size()));
}

[[noreturn]] void fail_unknown(const std::string& name) {
    fail("[hub] transformers has no name for {}", in_quotes(name));
}

// "layers.1.blocks.0.mlp.fc1.weight": the stage, and what follows "layers.1.".
std::pair<int64_t, std::string_view> stage_of(const std::string& name) {
    std::string_view rest = std::string_view(name).substr(layers.size());
    int64_t stage = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), stage);
    const auto digits = static_cast<size_t>(end - rest.data());
    if (problem != std::errc() || digits >= rest.size() || rest[digits] != '.') fail_unknown(name);
    return {stage, rest.substr(digits + 1)};
}

void add_of_block(NamedTensors& result, const std::string& block, std::string_view member, const Tensor& tensor,
                  const std::string& name) {
    if (member.starts_with(qkv)) {
        const int64_t C = tensor.shape()[0] / 3;
        const std::array<const char*, 3> thirds{"query", "key", "value"};
        for (int64_t i = 0; i < 3; ++i)
            result.emplace_back(
                fmt::format("{}attention.self.{}.{}", block, thirds[static_cast<size_t>(i)], member.substr(qkv.size())),
                tensor.slice(i * C, (i + 1) * C));
        return;
    }
    for (const Names& one : in_a_block)
        if (member.starts_with(one.first)) {
            result.emplace_back(block + with_beginning(member, one), tensor);
            return;
        }
    fail_unknown(name);
}

}  // namespace

NamedTensors to_transformers_names(const NamedTensors& tensors, const std::string& body) {
    NamedTensors result;
    for (const auto& [name, tensor] : tensors) {
        if (name.starts_with(layers)) {
            const auto [stage, rest] = stage_of(name);
            if (rest.starts_with(downsample)) {  // ends the stage before, there
                result.emplace_back(fmt::format("{}.encoder.layers.{}.{}", body, stage - 1, rest), tensor);
                continue;
            }
            const size_t member = rest.find('.', rest.find('.') + 1);  // behind "blocks.0"
            if (!rest.starts_with("blocks.") || member == std::string_view::npos) fail_unknown(name);
            add_of_block(result, fmt::format("{}.encoder.layers.{}.{}", body, stage, rest.substr(0, member + 1)),
                         rest.substr(member + 1), tensor, name);
        } else if (name.starts_with(head)) {
            result.emplace_back(with_beginning(name, {head, "classifier."}), tensor);
        } else {
            const Names* found = nullptr;
            for (const Names& one : outside)
                if (!found && name.starts_with(one.first)) found = &one;
            if (!found) fail_unknown(name);
            result.emplace_back(body + "." + with_beginning(name, *found), tensor);
        }
    }
    return result;
}

}  // namespace swingrad

#include "models/swin/checkpoint_names.h"

#include "core/io/quotes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

namespace swingrad {
namespace {

using Tensors = std::map<std::string, Tensor>;

// # is a number, and in `to` the same one, or as said (half of it, one more). * is all that follows.
struct Rule {
    std::string_view from, to;
};

// The first that matches holds; a name that none matches stays.
const Rule microsoft_rules[] = {
    {"layers.#.downsample.*", "layers.#+1.downsample.*"},
    {"layers.#.blocks.#.attn.rpe_mlp.*", "layers.#.blocks.#.attn.cpb_mlp.*"},
    {"head.*", "head.fc.*"},
};
const Rule torchvision_rules[] = {
    {"features.0.0.*", "patch_embed.proj.*"},
    {"features.0.2.*", "patch_embed.norm.*"},
    {"features.#.reduction.*", "layers.#/2.downsample.reduction.*"},
    {"features.#.norm.*", "layers.#/2.downsample.norm.*"},
    {"features.#.#.mlp.0.*", "layers.#/2.blocks.#.mlp.fc1.*"},
    {"features.#.#.mlp.3.*", "layers.#/2.blocks.#.mlp.fc2.*"},
    {"features.#.#.*", "layers.#/2.blocks.#.*"},
    {"head.*", "head.fc.*"},
};
const Rule hugging_face_rules[] = {
    {"embeddings.patch_embeddings.projection.*", "patch_embed.proj.*"},
    {"embeddings.norm.*", "patch_embed.norm.*"},
    {"encoder.layers.#.downsample.*", "layers.#+1.downsample.*"},
    {"encoder.layers.#.blocks.#.attention.self.continuous_position_bias_mlp.*", "layers.#.blocks.#.attn.cpb_mlp.*"},
    {"encoder.layers.#.blocks.#.attention.self.query.bias", "layers.#.blocks.#.attn.q_bias"},
    {"encoder.layers.#.blocks.#.attention.self.value.bias", "layers.#.blocks.#.attn.v_bias"},
    {"encoder.layers.#.blocks.#.attention.self.*", "layers.#.blocks.#.attn.*"},
    {"encoder.layers.#.blocks.#.attention.output.dense.*", "layers.#.blocks.#.attn.proj.*"},
    {"encoder.layers.#.blocks.#.layernorm_before.*", "layers.#.blocks.#.norm1.*"},
    {"encoder.layers.#.blocks.#.layernorm_after.*", "layers.#.blocks.#.norm2.*"},
    {"encoder.layers.#.blocks.#.intermediate.dense.*", "layers.#.blocks.#.mlp.fc1.*"},
    {"encoder.layers.#.blocks.#.output.dense.*", "layers.#.blocks.#.mlp.fc2.*"},
    {"layernorm.*", "norm.*"},
    {"classifier.*", "head.fc.*"},
};

std::span<const Rule> rules_of(NamesOf names) {
    switch (names) {
        case NamesOf::timm: return {};
        case NamesOf::microsoft: return microsoft_rules;
        case NamesOf::torchvision: return torchvision_rules;
        case NamesOf::hugging_face: return hugging_face_rules;
    }
    fail("[names] unknown layout {}", static_cast<int>(names));
}

// ---- one name

std::string substitute(std::string_view to, const std::vector<int64_t>& numbers, std::string_view rest) {
    std::string result;
    auto number = numbers.begin();
    for (size_t i = 0; i < to.size(); ++i) {
        if (to[i] == '#') {
            const std::string_view change = to.substr(i + 1, 2);
            if (change == "+1") result += std::to_string(*number++ + 1);
            else if (change == "/2") result += std::to_string(*number++ / 2);
            else result += std::to_string(*number++);
            if (change == "+1" || change == "/2") i += 2;
        } else if (to[i] == '*') result += rest;
        else result += to[i];
    }
    return result;
}

std::optional<std::string> applied(const Rule& rule, std::string_view name) {
    std::vector<int64_t> numbers;
    for (const char expected : rule.from) {
        if (expected == '*') return substitute(rule.to, numbers, name);
        if (expected == '#') {
            uint32_t number = 0;
            const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
            if (problem != std::errc()) return {};
            numbers.push_back(number);
            name.remove_prefix(static_cast<size_t>(end - name.data()));
        } else {
            if (!name.starts_with(expected)) return {};
            name.remove_prefix(1);
        }
    }
    return name.empty() ? std::optional(substitute(rule.to, numbers, {})) : std::nullopt;
}

std::string renamed(std::span<const Rule> rules, const std::string& name) {
    for (const Rule& rule : rules)
        if (auto result = applied(rule, name)) return *result;
    return name;
}

bool is_buffer(std::string_view name) {
    const std::string_view last = name.substr(name.rfind('.') + 1);
    return last == "relative_position_index" || last == "relative_coords_table" || last == "attn_mask";
}

// ---- what may stand before all names

constexpr std::string_view wrappers[] = {"module.",   "model.",  "state_dict.", "encoder.",
                                         "backbone.", "swinv2.", "swin."};

bool has_only_wrappers(std::string_view prefix) {
    while (!prefix.empty()) {
        const auto* const found = std::find_if(std::begin(wrappers), std::end(wrappers),
                                               [&](std::string_view one) { return prefix.starts_with(one); });
        if (found == std::end(wrappers)) return false;
        prefix.remove_prefix(found->size());
    }
    return true;
}

// The fewest wrappers before `landmark`; nothing where no tensor has that name.
std::optional<std::string> wrappers_before(std::string_view landmark, const Tensors& tensors) {
    std::optional<std::string> fewest;
    for (const auto& [name, tensor] : tensors) {
        if (!name.ends_with(landmark)) continue;
        const std::string prefix = name.substr(0, name.size() - landmark.size());
        if (has_only_wrappers(prefix) && (!fewest || prefix.size() < fewest->size())) fewest = prefix;
    }
    return fewest;
}

// Cuts off as many wrappers as `name` has: where the body's names begin "model.swinv2.", the head's begin "model.".
std::string unwrapped(std::string_view name, std::string_view prefix) {
    while (!prefix.empty()) {
        const std::string_view wrapper = prefix.substr(0, prefix.find('.') + 1);
        if (!name.starts_with(wrapper)) break;
        name.remove_prefix(wrapper.size());
        prefix.remove_prefix(wrapper.size());
    }
    return std::string(name);
}

// ---- all of them

void take(Tensors& all, const std::string& name, const Tensor& tensor, std::string_view heading) {
    check(all.emplace(name, tensor).second, "{}: two tensors stand for {}", heading, in_quotes(name));
}

std::string kind_of(const Tensor& tensor) { return fmt::format("{} {}", name_of(tensor.dtype()), tensor.shape()); }

// Three tensors [n, ...] as one [3n, ...].
Tensor joined(const std::array<Tensor, 3>& thirds) {
    const int64_t n = thirds[0].shape()[0];
    const Tensor all = Tensor::empty(thirds[0].shape().with(0, 3 * n), thirds[0].dtype());
    for (int64_t i = 0; i < 3; ++i) all.slice(i * n, (i + 1) * n).copy_from(thirds[static_cast<size_t>(i)]);
    return all;
}

// Hugging Face's query, key and value [C, C] become qkv [3C, C]; so do their biases [C], unless the keys have none.
void join_thirds(Tensors& tensors, std::string_view heading) {
    std::vector<std::string> queries;
    for (const auto& [name, tensor] : tensors)
        if (name.ends_with(".attention.self.query.weight") || name.ends_with(".attention.self.query.bias"))
            queries.push_back(name);
    for (const std::string& query : queries) {
        const auto beside = [&](const char* third) {
            return std::string(query).replace(query.rfind("query"), 5, third);
        };
        const std::array<std::string, 3> names{query, beside("key"), beside("value")};
        if (query.ends_with("bias") && !tensors.count(names[1])) continue;
        std::array<Tensor, 3> thirds;
        for (size_t i = 0; i < 3; ++i) {
            check(tensors.count(names[i]), "{}: has {}, but no {}", heading, in_quotes(query), in_quotes(names[i]));
            thirds[i] = tensors.at(names[i]);
            check(thirds[i].shape().rank() > 0 && kind_of(thirds[i]) == kind_of(thirds[0]),
                  "{}: {} is {}, but {} is {}", heading, in_quotes(query), kind_of(thirds[0]), in_quotes(names[i]),
                  kind_of(thirds[i]));
        }
        for (const std::string& name : names) tensors.erase(name);
        take(tensors, beside("qkv"), joined(thirds), heading);
    }
}

// torchvision's qkv.bias [3C] becomes q_bias and v_bias, [C] each, where the block is V2's.
void cut_bias(Tensors& tensors, std::string_view heading) {
    constexpr std::string_view last = "qkv.bias";
    std::vector<std::string> biases;
    for (const auto& [name, tensor] : tensors)
        if (name.ends_with(".attn.qkv.bias")) biases.push_back(name);
    for (const std::string& name : biases) {
        const std::string attn = name.substr(0, name.size() - last.size());
        if (!tensors.count(attn + "logit_scale")) continue;
        const Tensor bias = tensors.at(name);
        check(bias.shape().rank() == 1 && bias.numel() % 3 == 0, "{}: {} must be [3C], got {}", heading,
              in_quotes(name), kind_of(bias));
        const int64_t C = bias.numel() / 3;
        tensors.erase(name);
        take(tensors, attn + "q_bias", bias.slice(0, C), heading);
        take(tensors, attn + "v_bias", bias.slice(2 * C, 3 * C), heading);
    }
}

bool is_microsofts(const Tensors& tensors) {
    if (tensors.count("layers.0.downsample.reduction.weight")) return true;
    return !tensors.count("layers.1.downsample.reduction.weight") && tensors.count("head.weight");
}

}  // namespace

std::string_view name_of(NamesOf names) {
    switch (names) {
        case NamesOf::timm: return "timm";
        case NamesOf::microsoft: return "Microsoft";
        case NamesOf::torchvision: return "torchvision";
        case NamesOf::hugging_face: return "Hugging Face";
    }
    fail("[names] unknown layout {}", static_cast<int>(names));
}

TimmNamed to_timm_names(Tensors tensors, std::string_view heading) {
    NamesOf given = NamesOf::timm;
    auto prefix = wrappers_before("patch_embed.proj.weight", tensors);
    const auto otherwise = [&](std::string_view landmark, NamesOf names) {
        if (prefix) return;
        prefix = wrappers_before(landmark, tensors);
        if (prefix) given = names;
    };
    otherwise("features.0.0.weight", NamesOf::torchvision);
    otherwise("embeddings.patch_embeddings.projection.weight", NamesOf::hugging_face);
    if (!prefix) return {given, std::move(tensors)};

    Tensors bare, result;
    for (const auto& [name, tensor] : tensors)
        if (!is_buffer(name)) take(bare, unwrapped(name, *prefix), tensor, heading);
    if (given == NamesOf::timm && is_microsofts(bare)) given = NamesOf::microsoft;
    if (given == NamesOf::hugging_face) join_thirds(bare, heading);
    if (given == NamesOf::torchvision) cut_bias(bare, heading);
    for (const auto& [name, tensor] : bare) take(result, renamed(rules_of(given), name), tensor, heading);
    return {given, std::move(result)};
}

}  // namespace swingrad

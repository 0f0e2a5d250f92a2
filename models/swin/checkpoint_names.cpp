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

using Tensors = std::map<std::string, StoredTensor>;

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
    {"encoder.layers.#.blocks.#.attention.continuous_position_bias_mlp.*", "layers.#.blocks.#.attn.cpb_mlp.*"},
    {"encoder.layers.#.blocks.#.attention.q_proj.bias", "layers.#.blocks.#.attn.q_bias"},
    {"encoder.layers.#.blocks.#.attention.v_proj.bias", "layers.#.blocks.#.attn.v_bias"},
    {"encoder.layers.#.blocks.#.attention.o_proj.*", "layers.#.blocks.#.attn.proj.*"},
    {"encoder.layers.#.blocks.#.attention.relative_position_bias.*", "layers.#.blocks.#.attn.*"},
    {"encoder.layers.#.blocks.#.attention.*", "layers.#.blocks.#.attn.*"},
    {"encoder.layers.#.blocks.#.layernorm_before.*", "layers.#.blocks.#.norm1.*"},
    {"encoder.layers.#.blocks.#.layernorm_after.*", "layers.#.blocks.#.norm2.*"},
    {"encoder.layers.#.blocks.#.intermediate.dense.*", "layers.#.blocks.#.mlp.fc1.*"},
    {"encoder.layers.#.blocks.#.output.dense.*", "layers.#.blocks.#.mlp.fc2.*"},
    {"encoder.layers.#.blocks.#.mlp.*", "layers.#.blocks.#.mlp.*"},
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

// ---- what may stand before all names

// Where a tensor is called `landmark` behind a whole number of names with dots, these.
std::vector<std::string> prefixes_before(std::string_view landmark, const Tensors& tensors) {
    std::vector<std::string> prefixes;
    for (const auto& [name, tensor] : tensors) {
        if (!name.ends_with(landmark)) continue;
        std::string prefix = name.substr(0, name.size() - landmark.size());
        if ((prefix.empty() || prefix.ends_with('.')) && !is_bookkeeping(name)) prefixes.push_back(std::move(prefix));
    }
    std::sort(prefixes.begin(), prefixes.end());
    return prefixes;
}

// The one before `landmark`; nothing where no tensor has that name. Of several models in a file, one without a prefix
// is meant.
std::optional<std::string> prefix_before(std::string_view landmark, const Tensors& tensors, std::string_view heading) {
    const std::vector<std::string> prefixes = prefixes_before(landmark, tensors);
    if (prefixes.empty()) return {};
    if (prefixes.size() == 1 || prefixes[0].empty()) return prefixes[0];  // the empty one is the first
    fail("{} holds {} models, whose names begin with {} and {}: keep the tensors of one", heading, prefixes.size(),
         in_quotes(prefixes[0]), in_quotes(prefixes[1]));
}

// Cuts off as many names of the prefix as `name` has: where the body's names begin "model.swinv2.", the head's begin
// "model.".
std::string unwrapped(std::string_view name, std::string_view prefix) {
    while (!prefix.empty()) {
        const std::string_view first = prefix.substr(0, prefix.find('.') + 1);
        if (!name.starts_with(first)) break;
        name.remove_prefix(first.size());
        prefix.remove_prefix(first.size());
    }
    return std::string(name);
}

// ---- all of them

void take(Tensors& all, const std::string& name, StoredTensor tensor, std::string_view heading) {
    check(all.emplace(name, std::move(tensor)).second, "{}: two tensors stand for {}", heading, in_quotes(name));
}

// Three tensors [n, ...] as one [3n, ...].
StoredTensor joined(const std::array<StoredTensor, 3>& thirds) {
    const int64_t n = thirds[0].shape[0];
    StoredTensor all = thirds[0];
    all.shape = all.shape.with(0, 3 * n);
    all.read = [thirds, n, shape = all.shape] {
        Tensor whole;
        for (int64_t i = 0; i < 3; ++i) {
            const Tensor third = thirds[static_cast<size_t>(i)].read();
            if (i == 0) whole = Tensor::empty(shape, third.dtype());
            whole.slice(i * n, (i + 1) * n).copy_from(third);
        }
        return whole;
    };
    return all;
}

// How transformers calls the three, in files and, since version 5, in memory; `all` is what they become together.
struct Thirds {
    std::string_view query, key, value, all;
};
constexpr Thirds names_of_thirds[] = {
    {".attention.self.query.", ".attention.self.key.", ".attention.self.value.", ".attention.self.qkv."},
    {".attention.q_proj.", ".attention.k_proj.", ".attention.v_proj.", ".attention.qkv."}};

void join_third(Tensors& tensors, const std::string& query, const Thirds& by, std::string_view heading) {
    const auto beside = [&](std::string_view third) {
        return std::string(query).replace(query.rfind(by.query), by.query.size(), third);
    };
    const std::array<std::string, 3> names{query, beside(by.key), beside(by.value)};
    if (query.ends_with("bias") && !tensors.count(names[1])) return;
    std::array<StoredTensor, 3> thirds;
    for (size_t i = 0; i < 3; ++i) {
        check(tensors.count(names[i]), "{}: has {}, but no {}", heading, in_quotes(query), in_quotes(names[i]));
        thirds[i] = tensors.at(names[i]);
        check(thirds[i].shape.rank() > 0 && thirds[i].text() == thirds[0].text(), "{}: {} is {}, but {} is {}", heading,
              in_quotes(query), thirds[0].text(), in_quotes(names[i]), thirds[i].text());
    }
    for (const std::string& name : names) tensors.erase(name);
    take(tensors, beside(by.all), joined(thirds), heading);
}

// Hugging Face's query, key and value [C, C] become qkv [3C, C]; so do their biases [C], unless the keys have none.
void join_thirds(Tensors& tensors, std::string_view heading) {
    for (const Thirds& by : names_of_thirds) {
        std::vector<std::string> queries;
        for (const auto& [name, tensor] : tensors)
            if (name.ends_with(fmt::format("{}weight", by.query)) || name.ends_with(fmt::format("{}bias", by.query)))
                queries.push_back(name);
        for (const std::string& query : queries) join_third(tensors, query, by, heading);
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
        const StoredTensor bias = tensors.at(name);
        check(bias.shape.rank() == 1 && bias.shape[0] % 3 == 0, "{}: {} must be [3C], got {}", heading, in_quotes(name),
              bias.text());
        const int64_t C = bias.shape[0] / 3;
        const auto third = [&](int64_t i) {
            return StoredTensor{bias.type, bias.dtype, Shape{C},
                                [bias, C, i] { return bias.read().slice(i * C, (i + 1) * C); }};
        };
        tensors.erase(name);
        take(tensors, attn + "q_bias", third(0), heading);
        take(tensors, attn + "v_bias", third(2), heading);
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

bool is_bookkeeping(std::string_view name) {
    constexpr std::string_view last_names[] = {
        "relative_position_index", "relative_coords_table", "attn_mask", "k_bias", "num_batches_tracked", "n_averaged"};
    constexpr std::string_view first_names[] = {"optimizer", "optimizers", "optim", "lr_scheduler", "scheduler",
                                                "scaler",    "epoch",      "step",  "global_step",  "num_updates"};
    const auto is_one_of = [](std::string_view word, const auto& words) {
        return std::find(std::begin(words), std::end(words), word) != std::end(words);
    };
    return is_one_of(name.substr(name.rfind('.') + 1), last_names) ||
           is_one_of(name.substr(0, name.find('.')), first_names);
}

TimmNamed to_timm_names(Tensors tensors, std::string_view heading) {
    NamesOf given = NamesOf::timm;
    auto prefix = prefix_before("patch_embed.proj.weight", tensors, heading);
    const auto otherwise = [&](std::string_view landmark, NamesOf names) {
        if (prefix) return;
        prefix = prefix_before(landmark, tensors, heading);
        if (prefix) given = names;
    };
    otherwise("features.0.0.weight", NamesOf::torchvision);
    otherwise("embeddings.patch_embeddings.projection.weight", NamesOf::hugging_face);
    if (!prefix) return {given, std::move(tensors)};

    Tensors bare, result;
    for (const auto& [name, tensor] : tensors)
        if (!is_bookkeeping(name)) take(bare, unwrapped(name, *prefix), tensor, heading);
    if (given == NamesOf::timm && is_microsofts(bare)) given = NamesOf::microsoft;
    if (given == NamesOf::hugging_face) join_thirds(bare, heading);
    if (given == NamesOf::torchvision) cut_bias(bare, heading);
    for (const auto& [name, tensor] : bare) take(result, renamed(rules_of(given), name), tensor, heading);
    return {given, std::move(result)};
}

}  // namespace swingrad

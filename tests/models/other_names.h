// Weights of a small model under the names of other implementations, for the tests of their loading.
#pragma once

#include "core/io/safetensors.h"
#include "core/io/stored_tensors.h"
#include "models/swin/checkpoint_names.h"
#include "models/swin/swin_v2.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/checkpoint.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace swingrad::test {

using Tensors = std::map<std::string, Tensor>;

struct Model {
    SwinV2 model;
    Parameters parameters;

    explicit Model(const SwinConfig& config, uint64_t seed)
        : model(config), parameters(model, DType::float32, Random{seed, 0}) {
        // No two parameters alike, also those that start as constants.
        for (const auto& entry : parameters.entries())
            entry.value.copy_from(
                random_tensor(entry.shape, Random{seed, static_cast<uint64_t>(entry.offset)}).to(DType::float32));
    }
    Tensor value(const std::string& name) const {
        for (const auto& entry : parameters.entries())
            if (entry.name == name) return entry.value.detached();
        fail("no parameter {}", name);
    }
    std::vector<double> values() const { return parameters.values().values(); }
};

inline SwinConfig small(bool v1) {
    SwinConfig config;
    config.img_size = {8, 8};
    config.patch_size = {1, 1};
    config.num_classes = 3;
    config.embed_dim = 4;
    config.depths = {1, 2};
    config.num_heads = {1, 2};
    config.window_size = {{4, 4}, {4, 4}};
    config.pretrained_window_sizes = {{0, 0}, {0, 0}};
    if (v1) use_v1_switches(config);
    return config;
}

// Stages, blocks and their norms, spelt out: {timm's prefix, another's}.
using Places = std::vector<std::pair<std::string, std::string>>;

// Copies with names from `places`: the first of timm's prefixes that fits is replaced.
inline Tensors with_prefixes(const Model& model, const Places& places) {
    Tensors result;
    for (const auto& entry : model.parameters.entries()) {
        std::string name = entry.name;
        for (const auto& [timm, other] : places)
            if (name.starts_with(timm)) {
                name.replace(0, timm.size(), other);
                break;
            }
        result[name] = entry.value.clone();
    }
    return result;
}

// [a; b; c], where each is [C].
inline Tensor stacked(const Tensor& a, const Tensor& b, const Tensor& c) {
    std::vector<float> all;
    for (const Tensor& one : {a, b, c}) all.insert(all.end(), one.span<float>().begin(), one.span<float>().end());
    return Tensor::from({static_cast<int64_t>(all.size())}, all);
}

inline Tensors microsofts(const Model& model) {
    Tensors all = with_prefixes(model, {{"layers.1.downsample.", "layers.0.downsample."}, {"head.fc.", "head."}});
    all["layers.0.blocks.0.attn.relative_position_index"] = Tensor::zeros({16, 16}, DType::int64);
    all["layers.0.blocks.0.attn.relative_coords_table"] = Tensor::zeros({1, 7, 7, 2});
    all["layers.1.blocks.1.attn_mask"] = Tensor::zeros({4, 16, 16});
    return all;
}

inline const Places torchvision_blocks = {{"layers.0.blocks.0.", "features.1.0."},
                                          {"layers.1.blocks.0.", "features.3.0."},
                                          {"layers.1.blocks.1.", "features.3.1."}};

inline Tensors torchvisions(const Model& model) {
    Places places{{"patch_embed.proj.", "features.0.0."},
                  {"patch_embed.norm.", "features.0.2."},
                  {"layers.1.downsample.", "features.2."},
                  {"head.fc.", "head."}};
    for (const auto& [timm, theirs] : torchvision_blocks) {
        places.emplace_back(timm + "mlp.fc1.", theirs + "mlp.0.");
        places.emplace_back(timm + "mlp.fc2.", theirs + "mlp.3.");
        places.emplace_back(timm, theirs);
    }
    Tensors all = with_prefixes(model, places);
    for (const auto& [timm, theirs] : torchvision_blocks) {
        const std::string attn = theirs + "attn.";
        all[attn + "relative_position_index"] = Tensor::zeros({256}, DType::int64);
        if (!all.count(attn + "q_bias")) continue;
        const Tensor unused = random_tensor(all[attn + "q_bias"].shape(), Random{9, 9}).to(DType::float32);
        all[attn + "qkv.bias"] = stacked(all[attn + "q_bias"], unused, all[attn + "v_bias"]);
        all.erase(attn + "q_bias");
        all.erase(attn + "v_bias");
    }
    return all;
}

inline Tensors hugging_faces(const Model& model, const std::string& body) {
    Places places{{"patch_embed.proj.", body + "embeddings.patch_embeddings.projection."},
                  {"patch_embed.norm.", body + "embeddings.norm."},
                  {"layers.1.downsample.", body + "encoder.layers.0.downsample."},
                  {"norm.", body + "layernorm."},
                  {"head.fc.", "classifier."}};
    std::vector<std::string> selves;
    for (const char* block : {"layers.0.blocks.0.", "layers.1.blocks.0.", "layers.1.blocks.1."}) {
        const std::string timm = block, theirs = body + "encoder." + block, self = theirs + "attention.self.";
        for (const auto& [from, to] : Places{{"attn.proj.", "attention.output.dense."},
                                             {"attn.cpb_mlp.", "attention.self.continuous_position_bias_mlp."},
                                             {"attn.q_bias", "attention.self.query.bias"},
                                             {"attn.v_bias", "attention.self.value.bias"},
                                             {"attn.", "attention.self."},
                                             {"norm1.", "layernorm_before."},
                                             {"norm2.", "layernorm_after."},
                                             {"mlp.fc1.", "intermediate.dense."},
                                             {"mlp.fc2.", "output.dense."}})
            places.emplace_back(timm + from, theirs + to);
        selves.push_back(self);
    }
    Tensors all = with_prefixes(model, places);
    for (const std::string& self : selves)
        for (const std::string kind : {"weight", "bias"}) {
            if (!all.count(self + "qkv." + kind)) continue;
            const Tensor qkv = all[self + "qkv." + kind];
            const int64_t C = qkv.shape()[0] / 3;
            all[self + "query." + kind] = qkv.slice(0, C).clone();
            all[self + "key." + kind] = qkv.slice(C, 2 * C).clone();
            all[self + "value." + kind] = qkv.slice(2 * C, 3 * C).clone();
            all.erase(self + "qkv." + kind);
        }
    return all;
}

inline Tensors wrapped(const Tensors& tensors, const std::string& prefix) {
    Tensors result;
    for (const auto& [name, tensor] : tensors) result[prefix + name] = tensor;
    return result;
}

// Loads `tensors` from a file into a model with other values; returns whose names were recognised.
inline NamesOf load(const Tensors& tensors, const Model& into) {
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {tensors.begin(), tensors.end()});
    return load_weights(directory / "w", into.parameters).names;
}

// The message of a file that is refused, without its path; nothing may have changed.
inline std::string refusal(const Tensors& tensors, const Model& into) {
    const std::vector<double> before = into.values();
    const TemporaryDirectory directory;
    write_safetensors(directory / "w", {tensors.begin(), tensors.end()});
    std::string message = error_of([&] { load_weights(directory / "w", into.parameters); });
    REQUIRE(into.values() == before);
    const std::string path = (directory / "w").string();
    const size_t at = message.find(path);
    REQUIRE(at != std::string::npos);
    return message.replace(at, path.size(), "FILE");
}

inline void require_loads(const Tensors& tensors, NamesOf names, const Model& source) {
    const Model target(source.model.config(), 2);
    REQUIRE(target.values() != source.values());
    REQUIRE(load(tensors, target) == names);
    REQUIRE(target.values() == source.values());
}

}  // namespace swingrad::test

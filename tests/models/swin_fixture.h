// Swin models whose parameters come from a hash, and what timm computes for them (tests/fixtures/README.md).
#pragma once

#include "core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/loop/trace.h"

#include <numeric>

namespace swingrad::test {

// Number i of sequence k, in [-0.5, 0.5): a 32-bit hash, so that any language has it without a file.
inline double generated(int64_t k, int64_t i) {
    uint32_t x = static_cast<uint32_t>((k + 1) * 1000003 + i);
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x / 4294967296.0 - 0.5;
}

// offset + factor * generated(k, i), float64.
inline Tensor generated_tensor(int64_t k, const Shape& shape, double offset, double factor) {
    std::vector<double> values(static_cast<size_t>(shape.numel()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = offset + factor * generated(k, static_cast<int64_t>(i));
    return Tensor::from(shape, values);
}

inline Tensor generated_images(const Shape& shape) { return generated_tensor(1000, shape, 0, 2); }

// Parameter k of timm's order, float64. Norm gains are around 1 and logit scales around 2.
inline Tensor generated_parameter(int64_t k, const std::string& name, const Shape& shape) {
    const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    if (has("norm") && name.ends_with("weight")) return generated_tensor(k, shape, 1, 0.4);
    if (has("logit_scale")) return generated_tensor(k, shape, 2, 4);
    return generated_tensor(k, shape, 0, has("cpb_mlp") ? 1 : 0.5);
}

// Names of all parameters of a Swin V2 in the order of timm's state_dict, which numbers them for the hash.
inline std::vector<std::string> timm_order(const SwinConfig& config) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& prefix, std::initializer_list<const char*> rest) {
        for (const char* name : rest) names.push_back(prefix + name);
    };
    add("patch_embed.", {"proj.weight", "proj.bias", "norm.weight", "norm.bias"});
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const std::string stage = fmt::format("layers.{}.", i);
        if (i > 0) add(stage + "downsample.", {"reduction.weight", "norm.weight", "norm.bias"});
        for (int64_t j = 0; j < config.depths[i]; ++j) {
            const std::string block = fmt::format("{}blocks.{}.", stage, j);
            add(block + "attn.", {"logit_scale"});
            if (config.qkv_bias) add(block + "attn.", {"q_bias", "v_bias"});
            add(block + "attn.",
                {"cpb_mlp.0.weight", "cpb_mlp.0.bias", "cpb_mlp.2.weight", "qkv.weight", "proj.weight", "proj.bias"});
            add(block, {"norm1.weight", "norm1.bias", "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight",
                        "mlp.fc2.bias", "norm2.weight", "norm2.bias"});
        }
    }
    add("", {"norm.weight", "norm.bias", "head.fc.weight", "head.fc.bias"});
    return names;
}

// A model with generated parameters.
struct GeneratedModel {
    SwinV2 model;
    Parameters parameters;

    // Parameters are rounded to `precision` first, as in a file. `replacements` holds others, under "weight.<name>".
    GeneratedModel(const SwinConfig& config, DType dtype, DType precision = DType::float32,
                   const std::map<std::string, Tensor>& replacements = {})
        : GeneratedModel(config, dtype, precision, replacements, timm_order(config)) {}

    // `order`: all parameters as they are numbered for the hash.
    GeneratedModel(const SwinConfig& config, DType dtype, DType precision,
                   const std::map<std::string, Tensor>& replacements, const std::vector<std::string>& order)
        : model(config), parameters(model, dtype, Random{}) {
        REQUIRE(parameters.entries().size() == order.size());
        for (const auto& entry : parameters.entries()) {
            INFO(entry.name);
            const auto position = std::find(order.begin(), order.end(), entry.name);
            REQUIRE(position != order.end());
            const auto other = replacements.find("weight." + entry.name);
            const Tensor value = other != replacements.end()
                                     ? other->second
                                     : generated_parameter(position - order.begin(), entry.name, entry.shape);
            entry.value.copy_from(value.to(precision).to(dtype));
        }
    }
};

struct Fixture {
    SafetensorsFile file;
    SwinConfig config;
    std::vector<std::string> order;  // of the parameters, for the hash

    explicit Fixture(const std::string& name) : file(read_safetensors(fixtures() / ("swin_" + name + ".safetensors"))) {
        const auto description = nlohmann::json::parse(file.metadata.at("config"));
        auto arguments = description.at("model_args");
        arguments["num_classes"] = description.at("num_classes");
        arguments["architecture"] = description.at("architecture");
        config = config_from_json(arguments);
        config.padding_order = PaddingOrder::after_shift;  // timm's
        nlohmann::json::parse(file.metadata.at("parameters")).get_to(order);
    }
};

inline const std::vector<std::string>& fixture_names() {
    static const std::vector<std::string> names{"plain",   "clipped",      "shifted",     "odd_window",
                                                "padded",  "non_square",   "pretrained",  "one_token",
                                                "clamped", "window_pairs", "no_qkv_bias", "positions"};
    return names;
}
// Swin V1: all switches of config.h turned.
inline const std::vector<std::string>& v1_fixture_names() {
    static const std::vector<std::string> names{"v1_plain",      "v1_padded",      "v1_clipped",
                                                "v1_non_square", "v1_no_qkv_bias", "v1_positions"};
    return names;
}

struct Deviation {
    std::string name;
    double value = 0;
};

struct Worst {
    Deviation logits, outputs, gradients;  // logits: and the loss
};

// The largest differences between a trace and what a fixture expects, each in units of the tensor's largest element.
// That unit is at least 1 for values, and for gradients a hundredth of the largest of all: some are 0 but for
// rounding. A name the trace lacks deviates by infinity.
inline Worst compare(const NamedTensors& trace, const std::map<std::string, Tensor>& expected) {
    const std::map<std::string, Tensor> ours(trace.begin(), trace.end());
    const auto largest = [](const Tensor& tensor) {
        double found = 0;
        for (const double value : tensor.values()) found = std::max(found, std::abs(value));
        return found;
    };
    double largest_gradient = 0;
    for (const auto& [name, value] : expected)
        if (name.starts_with("grad.")) largest_gradient = std::max(largest_gradient, largest(value));

    Worst worst;
    for (const auto& [name, value] : expected) {
        const bool is_output = name.starts_with("output."), is_gradient = name.starts_with("grad.");
        if (!is_output && !is_gradient && name != "logits" && name != "loss") continue;
        const auto found = ours.find(is_output ? name.substr(7) : name);
        const double difference = largest_difference(found == ours.end() ? Tensor() : found->second, value);
        const double unit = std::max(largest(value), is_gradient ? 0.01 * largest_gradient : 1.0);
        Deviation& kind = is_output ? worst.outputs : is_gradient ? worst.gradients : worst.logits;
        if (difference / unit > kind.value || kind.name.empty()) kind = {name, difference / unit};
    }
    return worst;
}

}  // namespace swingrad::test

// SwinConfig from and to JSON.

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/suggest.h"
#include "models/swin/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

namespace swingrad {
namespace {

using nlohmann::json;

int64_t to_integer(const std::string& key, const json& value) {
    check(value.is_number_integer(), "[config] {} must be a whole number, got {}", key, json_text(value));
    check(value.get<double>() >= 0 && value.get<double>() < 1e9, "[config] {} must be 0 to 999999999, got {}", key,
          json_text(value));
    return value.get<int64_t>();
}

double to_number(const std::string& key, const json& value) {
    check(value.is_number(), "[config] {} must be a number, got {}", key, json_text(value));
    return value.get<double>();
}

bool is_pair(const json& value) {
    return value.is_array() && value.size() == 2 && value[0].is_number_integer() && value[1].is_number_integer();
}

// A number for both axes, or [rows, columns].
Extent to_extent(const std::string& key, const json& value) {
    if (is_pair(value)) return {to_integer(key, value[0]), to_integer(key, value[1])};
    check(value.is_number_integer(), "[config] {} must be a whole number or a pair of them, got {}", key,
          json_text(value));
    return {to_integer(key, value), to_integer(key, value)};
}

std::vector<int64_t> to_list(const std::string& key, const json& value) {
    check(value.is_array() && !value.empty(), "[config] {} must be a list with one number a stage, got {}", key,
          json_text(value));
    std::vector<int64_t> list;
    for (const json& item : value) list.push_back(to_integer(key, item));
    return list;
}

std::vector<Extent> to_extents(const std::string& key, const json& value) {
    check(value.is_array() && !value.empty(), "[config] {} must be a list with one size a stage, got {}", key,
          json_text(value));
    std::vector<Extent> list;
    for (const json& item : value) list.push_back(to_extent(key, item));
    return list;
}

json from_extent(Extent extent) { return {extent.rows, extent.columns}; }

json from_extents(const std::vector<Extent>& extents) {
    json list = json::array();
    for (const Extent extent : extents) list.push_back(from_extent(extent));
    return list;
}

bool to_bool(const std::string& key, const json& value) {
    check(value.is_boolean(), "[config] {} must be true or false, got {}", key, json_text(value));
    return value.get<bool>();
}

// ---- switches: enumerators by name, in the order of their declaration

constexpr auto names_of(NormPlacement) { return std::array{"res-post", "pre", "post", "sandwich"}; }
constexpr auto names_of(MergingNorm) { return std::array{"after", "before"}; }
constexpr auto names_of(AttentionKind) { return std::array{"cosine", "dot"}; }
constexpr auto names_of(PositionBias) { return std::array{"log-cpb", "linear-cpb", "table", "none"}; }
constexpr auto names_of(PositionEmbedding) { return std::array{"none", "absolute"}; }
constexpr auto names_of(CpbFormula) { return std::array{"code", "paper"}; }
constexpr auto names_of(PaddingOrder) { return std::array{"before-shift", "after-shift"}; }

template <class Switch>
const char* name_of(Switch value) {
    return names_of(value)[static_cast<size_t>(value)];
}

template <class Switch>
void read_switch(const std::string& key, const json& value, Switch& result) {
    std::vector<std::string> names;
    for (const char* name : names_of(result)) {
        if (value == name) {
            result = static_cast<Switch>(names.size());
            return;
        }
        names.emplace_back(name);
    }
    const std::string near = value.is_string() ? nearest(value.get<std::string>(), names) : "";
    fail("[config] {} must be one of {}, got {}{}", key, fmt::join(names, ", "), json_text(value),
         near.empty() ? "" : "; did you mean " + near + "?");
}

// Two numbers are one window for all stages, [rows, columns], as in timm; any other list has one a stage.
std::vector<Extent> to_windows(const std::string& key, const json& value, size_t stages) {
    if (value.is_number() || is_pair(value)) return std::vector<Extent>(stages, to_extent(key, value));
    return to_extents(key, value);
}

// Sizes of a configuration with another number of stages: where all were equal, they go on being that.
void fit_to_stages(std::vector<Extent>& sizes, size_t stages) {
    const bool all_equal = std::all_of(sizes.begin(), sizes.end(), [&](Extent one) { return one == sizes.front(); });
    if (all_equal && !sizes.empty()) sizes.assign(stages, Extent(sizes.front()));
}

// Arguments of timm that are accepted with the one value that changes nothing.
const std::map<std::string, json>& fixed_arguments() {
    static const std::map<std::string, json> fixed{{"global_pool", "avg"},    {"act_layer", "gelu"},
                                                   {"attn_drop_rate", 0},     {"always_partition", false},
                                                   {"strict_img_size", true}, {"dynamic_img_size", false}};
    return fixed;
}

[[noreturn]] void fail_unknown_key(const std::string& key) {
    std::vector<std::string> known{"architecture"};
    const json all = config_to_json(SwinConfig{});
    for (const auto& [name, value] : all.items()) known.push_back(name);
    for (const auto& [name, value] : fixed_arguments()) known.push_back(name);
    fail("[config] unknown key {}; {}", in_quotes(key), suggestion(key, known));
}

// One key but "architecture" and "depths", which come first because others build on them.
void read_key(const std::string& key, const json& value, SwinConfig& config) {
    const size_t stages = config.depths.size();
    if (key == "img_size") config.img_size = to_extent(key, value);
    else if (key == "patch_size") config.patch_size = to_extent(key, value);
    else if (key == "in_chans") config.in_chans = to_integer(key, value);
    else if (key == "num_classes") config.num_classes = to_integer(key, value);
    else if (key == "embed_dim") config.embed_dim = to_integer(key, value);
    else if (key == "num_heads") config.num_heads = to_list(key, value);
    else if (key == "window_size") config.window_size = to_windows(key, value, stages);
    else if (key == "mlp_ratio") config.mlp_ratio = to_number(key, value);
    else if (key == "qkv_bias") config.qkv_bias = to_bool(key, value);
    else if (key == "key_bias") config.key_bias = to_bool(key, value);
    else if (key == "drop_rate") config.drop_rate = to_number(key, value);
    else if (key == "proj_drop_rate") config.proj_drop_rate = to_number(key, value);
    else if (key == "drop_path_rate") config.drop_path_rate = to_number(key, value);
    else if (key == "pretrained_window_sizes")
        config.pretrained_window_sizes =
            value.is_number() ? std::vector<Extent>(stages, to_extent(key, value)) : to_extents(key, value);
    else if (key == "extra_norm_every") config.extra_norm_every = to_integer(key, value);
    else if (key == "padding_order") read_switch(key, value, config.padding_order);
    else if (key == "norm") read_switch(key, value, config.norm);
    else if (key == "merging_norm") read_switch(key, value, config.merging_norm);
    else if (key == "attention") read_switch(key, value, config.attention);
    else if (key == "position_bias") read_switch(key, value, config.position_bias);
    else if (key == "position_embedding") read_switch(key, value, config.position_embedding);
    else if (key == "cpb_formula") read_switch(key, value, config.cpb_formula);
    else if (key == "sequential_attention") config.sequential_attention = to_bool(key, value);
    else if (key == "checkpoint_blocks") config.checkpoint_blocks = to_bool(key, value);
    else {
        const auto fixed = fixed_arguments().find(key);
        if (fixed == fixed_arguments().end()) fail_unknown_key(key);
        check(fixed->second == value, "[config] {} can only be {}, got {}", key, json_text(fixed->second),
              json_text(value));
    }
}

}  // namespace

SwinConfig config_from_json(const json& arguments) { return config_from_json(arguments, SwinConfig{}); }

SwinConfig config_from_json(const json& arguments, const SwinConfig& base) {
    check(arguments.is_object(), "[config] model arguments must be a JSON object, got {}", json_text(arguments));
    SwinConfig config = base;
    if (arguments.contains("architecture")) {
        const json& architecture = arguments["architecture"];
        check(architecture == "swin" || architecture == "swinv2",
              "[config] architecture must be swin or swinv2, got {}", json_text(architecture));
        if (architecture == "swin") use_v1_switches(config);
    }
    if (arguments.contains("depths")) {
        config.depths = to_list("depths", arguments["depths"]);
        fit_to_stages(config.window_size, config.depths.size());
        fit_to_stages(config.pretrained_window_sizes, config.depths.size());
    }
    for (const auto& [key, value] : arguments.items())
        if (key != "architecture" && key != "depths") read_key(key, value, config);
    // timm's default has four entries whatever the depth; entries beyond the stages mean nothing.
    if (config.pretrained_window_sizes.size() > config.depths.size())
        config.pretrained_window_sizes.resize(config.depths.size());
    validate(config);
    return config;
}

json config_to_json(const SwinConfig& config) {
    return {{"img_size", from_extent(config.img_size)},
            {"patch_size", from_extent(config.patch_size)},
            {"in_chans", config.in_chans},
            {"num_classes", config.num_classes},
            {"embed_dim", config.embed_dim},
            {"depths", config.depths},
            {"num_heads", config.num_heads},
            {"window_size", from_extents(config.window_size)},
            {"mlp_ratio", config.mlp_ratio},
            {"qkv_bias", config.qkv_bias},
            {"key_bias", config.key_bias},
            {"drop_rate", config.drop_rate},
            {"proj_drop_rate", config.proj_drop_rate},
            {"drop_path_rate", config.drop_path_rate},
            {"pretrained_window_sizes", from_extents(config.pretrained_window_sizes)},
            {"extra_norm_every", config.extra_norm_every},
            {"padding_order", name_of(config.padding_order)},
            {"norm", name_of(config.norm)},
            {"merging_norm", name_of(config.merging_norm)},
            {"attention", name_of(config.attention)},
            {"position_bias", name_of(config.position_bias)},
            {"position_embedding", name_of(config.position_embedding)},
            {"cpb_formula", name_of(config.cpb_formula)},
            {"sequential_attention", config.sequential_attention},
            {"checkpoint_blocks", config.checkpoint_blocks}};
}

}  // namespace swingrad

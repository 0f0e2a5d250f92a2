#include "models/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace swingrad {
namespace {

using nlohmann::json;

std::vector<Extent> per_stage(const SwinConfig& config, int64_t size) {
    return std::vector<Extent>(config.depths.size(), Extent{size, size});
}

SwinConfig make(int64_t image, int64_t patch, int64_t window, int64_t channels, std::vector<int64_t> depths,
                std::vector<int64_t> heads, int64_t classes) {
    SwinConfig config;
    config.img_size = {image, image};
    config.patch_size = {patch, patch};
    config.embed_dim = channels;
    config.depths = std::move(depths);
    config.num_heads = std::move(heads);
    config.num_classes = classes;
    config.window_size = per_stage(config, window);
    config.pretrained_window_sizes = per_stage(config, 0);
    return config;
}

// The paper publishes no heads for huge and giant. These give heads of 32 channels, as in all the others, and with them
// 658 million and 3.0 billion parameters, as in the paper. Both have an extra norm after every sixth block of a stage.
SwinConfig make_large_variant(int64_t channels, std::vector<int64_t> depths, std::vector<int64_t> heads) {
    SwinConfig config = make(256, 4, 8, channels, std::move(depths), std::move(heads), 1000);
    config.extra_norm_every = 6;
    return config;
}

const std::vector<std::pair<std::string, SwinConfig>>& table() {
    static const std::vector<std::pair<std::string, SwinConfig>> known{
        {"nano", make(32, 4, 4, 48, {2, 4}, {3, 6}, 10)},
        {"micro", make(32, 2, 4, 48, {2, 2, 2}, {3, 6, 12}, 10)},
        {"cifar", make(32, 2, 4, 96, {2, 6, 4}, {3, 6, 12}, 10)},
        {"tiny", make(256, 4, 8, 96, {2, 2, 6, 2}, {3, 6, 12, 24}, 1000)},
        {"small", make(256, 4, 8, 96, {2, 2, 18, 2}, {3, 6, 12, 24}, 1000)},
        {"base", make(256, 4, 8, 128, {2, 2, 18, 2}, {4, 8, 16, 32}, 1000)},
        {"large", make(256, 4, 8, 192, {2, 2, 18, 2}, {6, 12, 24, 48}, 1000)},
        {"huge", make_large_variant(352, {2, 2, 18, 2}, {11, 22, 44, 88})},
        {"giant", make_large_variant(512, {2, 2, 42, 4}, {16, 32, 64, 128})},
    };
    return known;
}

// ---- JSON

int64_t to_integer(const std::string& key, const json& value) {
    check(value.is_number_integer() && value.get<double>() >= 0 && value.get<double>() < 1e9,
          "[config] {} must be a whole number, got {}", key, value.dump());
    return value.get<int64_t>();
}

double to_number(const std::string& key, const json& value) {
    check(value.is_number(), "[config] {} must be a number, got {}", key, value.dump());
    return value.get<double>();
}

bool is_pair(const json& value) {
    return value.is_array() && value.size() == 2 && value[0].is_number_integer() && value[1].is_number_integer();
}

// A number for both axes, or [rows, columns].
Extent to_extent(const std::string& key, const json& value) {
    if (is_pair(value)) return {to_integer(key, value[0]), to_integer(key, value[1])};
    check(value.is_number_integer(), "[config] {} must be a whole number or a pair of them, got {}", key, value.dump());
    return {to_integer(key, value), to_integer(key, value)};
}

std::vector<int64_t> to_list(const std::string& key, const json& value) {
    check(value.is_array() && !value.empty(), "[config] {} must be a list with one number a stage, got {}", key,
          value.dump());
    std::vector<int64_t> list;
    for (const json& item : value) list.push_back(to_integer(key, item));
    return list;
}

std::vector<Extent> to_extents(const std::string& key, const json& value) {
    check(value.is_array() && !value.empty(), "[config] {} must be a list with one size a stage, got {}", key,
          value.dump());
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

// Arguments of timm that are accepted with the one value that changes nothing.
const std::map<std::string, json>& fixed_arguments() {
    static const std::map<std::string, json> fixed{
        {"global_pool", "avg"}, {"act_layer", "gelu"},       {"drop_rate", 0},          {"proj_drop_rate", 0},
        {"attn_drop_rate", 0},  {"always_partition", false}, {"strict_img_size", true}, {"dynamic_img_size", false}};
    return fixed;
}

}  // namespace

SwinConfig named_config(std::string_view name) {
    for (const auto& [known, config] : table())
        if (known == name) return config;
    fail("[config] unknown model '{}'; known are {}", name, fmt::join(config_names(), ", "));
}

const std::vector<std::string>& config_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const auto& [name, config] : table()) list.push_back(name);
        return list;
    }();
    return names;
}

SwinConfig config_from_json(const json& arguments) {
    check(arguments.is_object(), "[config] model arguments must be a JSON object, got {}", arguments.dump());
    SwinConfig config;
    if (arguments.contains("depths")) config.depths = to_list("depths", arguments["depths"]);
    config.window_size = per_stage(config, 7);
    config.pretrained_window_sizes = per_stage(config, 0);
    for (const auto& [key, value] : arguments.items()) {
        if (key == "depths") continue;
        else if (key == "img_size") config.img_size = to_extent(key, value);
        else if (key == "patch_size") config.patch_size = to_extent(key, value);
        else if (key == "in_chans") config.in_chans = to_integer(key, value);
        else if (key == "num_classes") config.num_classes = to_integer(key, value);
        else if (key == "embed_dim") config.embed_dim = to_integer(key, value);
        else if (key == "num_heads") config.num_heads = to_list(key, value);
        else if (key == "mlp_ratio") config.mlp_ratio = to_number(key, value);
        else if (key == "drop_path_rate") config.drop_path_rate = to_number(key, value);
        else if (key == "extra_norm_every") config.extra_norm_every = to_integer(key, value);
        else if (key == "pretrained_window_sizes") config.pretrained_window_sizes = to_extents(key, value);
        else if (key == "window_size") {
            // Two numbers are one window for all stages, [rows, columns], as in timm; any other list has one a stage.
            if (value.is_number() || is_pair(value))
                config.window_size.assign(config.depths.size(), to_extent(key, value));
            else config.window_size = to_extents(key, value);
        } else if (key == "qkv_bias") {
            check(value.is_boolean(), "[config] qkv_bias must be true or false, got {}", value.dump());
            config.qkv_bias = value.get<bool>();
        } else if (key == "padding_order") {
            check(value == "before-shift" || value == "after-shift",
                  "[config] padding_order must be before-shift or after-shift, got {}", value.dump());
            config.padding_order = value == "before-shift" ? PaddingOrder::before_shift : PaddingOrder::after_shift;
        } else {
            const auto fixed = fixed_arguments().find(key);
            check(fixed != fixed_arguments().end(), "[config] unknown key '{}'", key);
            check(fixed->second == value, "[config] {} can only be {}, got {}", key, fixed->second.dump(),
                  value.dump());
        }
    }
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
            {"drop_path_rate", config.drop_path_rate},
            {"pretrained_window_sizes", from_extents(config.pretrained_window_sizes)},
            {"extra_norm_every", config.extra_norm_every},
            {"padding_order", config.padding_order == PaddingOrder::before_shift ? "before-shift" : "after-shift"}};
}

void validate(const SwinConfig& config) {
    const size_t stages = config.depths.size();
    const auto positive = [](std::string_view name, Extent extent) {
        check(extent.rows > 0 && extent.columns > 0, "[config] {} must be positive, got {} x {}", name, extent.rows,
              extent.columns);
    };
    const auto one_a_stage = [&](std::string_view name, size_t entries) {
        check(entries == stages, "[config] {} must have one entry for each of {} stages, has {}", name, stages,
              entries);
    };
    check(stages > 0 && stages <= 16, "[config] depths must have 1 to 16 stages, has {}", stages);
    one_a_stage("num_heads", config.num_heads.size());
    one_a_stage("window_size", config.window_size.size());
    one_a_stage("pretrained_window_sizes", config.pretrained_window_sizes.size());
    positive("img_size", config.img_size);
    positive("patch_size", config.patch_size);
    check(
        config.img_size.rows % config.patch_size.rows == 0 && config.img_size.columns % config.patch_size.columns == 0,
        "[config] img_size {} x {} must be a multiple of patch_size {} x {}", config.img_size.rows,
        config.img_size.columns, config.patch_size.rows, config.patch_size.columns);
    check(config.in_chans > 0, "[config] in_chans must be positive, got {}", config.in_chans);
    check(config.num_classes > 0, "[config] num_classes must be positive, got {}", config.num_classes);
    check(config.embed_dim > 0, "[config] embed_dim must be positive, got {}", config.embed_dim);
    check(config.mlp_ratio > 0 && config.mlp_ratio <= 1024, "[config] mlp_ratio must be in (0, 1024], got {}",
          config.mlp_ratio);
    check(config.drop_path_rate >= 0 && config.drop_path_rate < 1, "[config] drop_path_rate must be in [0, 1), got {}",
          config.drop_path_rate);
    for (size_t i = 0; i < stages; ++i) {
        const int64_t channels = config.embed_dim << i, heads = config.num_heads[i];
        check(config.depths[i] > 0, "[config] depths must be positive, got {} in stage {}", config.depths[i], i);
        check(heads > 0 && channels % heads == 0, "[config] {} channels of stage {} do not divide into {} heads",
              channels, i, heads);
        check(static_cast<int64_t>(static_cast<double>(channels) * config.mlp_ratio) > 0,
              "[config] mlp_ratio {} leaves stage {} no hidden channel", config.mlp_ratio, i);
        positive("window_size", config.window_size[i]);
    }
}

}  // namespace swingrad

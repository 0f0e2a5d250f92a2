#include "models/swin/config.h"

#include "core/io/suggest.h"

#include <algorithm>

namespace swingrad {
namespace {

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

}  // namespace

SwinConfig named_config(std::string_view name) {
    for (const auto& [known, config] : table())
        if (known == name) return config;
    fail("[config] unknown model '{}'; {}", name, suggestion(name, config_names()));
}

const std::vector<std::string>& config_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const auto& [name, config] : table()) list.push_back(name);
        return list;
    }();
    return names;
}

void use_v1_switches(SwinConfig& config) {
    config.norm = NormPlacement::pre;
    config.merging_norm = MergingNorm::before;
    config.attention = AttentionKind::dot;
    config.position_bias = PositionBias::table;
    config.key_bias = true;
}

void validate(const SwinConfig& config) {
    const size_t stages = config.depths.size();
    const auto in_range = [](std::string_view name, int64_t value, int64_t least, int64_t most) {
        check(value >= least && value <= most, "[config] {} must be {} to {}, got {}", name, least, most, value);
    };
    const auto sides = [](std::string_view name, Extent extent, int64_t least = 1) {
        check(std::min(extent.rows, extent.columns) >= least && std::max(extent.rows, extent.columns) <= most_pixels,
              "[config] {} must be {} to {}, got {} x {}", name, least, most_pixels, extent.rows, extent.columns);
    };
    const auto one_a_stage = [&](std::string_view name, size_t entries) {
        check(entries == stages, "[config] {} must have one entry for each of {} stages, has {}", name, stages,
              entries);
    };
    const auto rate = [](std::string_view name, double value) {
        check(value >= 0 && value < 1, "[config] {} must be in [0, 1), got {}", name, value);
    };
    check(stages > 0 && stages <= 16, "[config] depths must have 1 to 16 stages, has {}", stages);
    one_a_stage("num_heads", config.num_heads.size());
    one_a_stage("window_size", config.window_size.size());
    one_a_stage("pretrained_window_sizes", config.pretrained_window_sizes.size());
    sides("img_size", config.img_size);
    sides("patch_size", config.patch_size);
    check(
        config.img_size.rows % config.patch_size.rows == 0 && config.img_size.columns % config.patch_size.columns == 0,
        "[config] img_size {} x {} must be a multiple of patch_size {} x {}", config.img_size.rows,
        config.img_size.columns, config.patch_size.rows, config.patch_size.columns);
    in_range("in_chans", config.in_chans, 1, most_channels);
    in_range("num_classes", config.num_classes, 1, most_classes);
    in_range("embed_dim", config.embed_dim, 1, most_channels);
    in_range("extra_norm_every", config.extra_norm_every, 0, most_blocks);
    check(config.mlp_ratio > 0 && config.mlp_ratio <= 1024, "[config] mlp_ratio must be in (0, 1024], got {}",
          config.mlp_ratio);
    rate("drop_rate", config.drop_rate);
    rate("proj_drop_rate", config.proj_drop_rate);
    rate("drop_path_rate", config.drop_path_rate);
    for (size_t i = 0; i < stages; ++i) {
        const int64_t channels = config.embed_dim << i, heads = config.num_heads[i];
        check(config.depths[i] >= 1 && config.depths[i] <= most_blocks,
              "[config] depths must be 1 to {}, got {} in stage {}", most_blocks, config.depths[i], i);
        check(channels <= most_channels, "[config] embed_dim {} gives stage {} {} channels, at most {} are possible",
              config.embed_dim, i, channels, most_channels);
        check(heads > 0 && channels % heads == 0, "[config] {} channels of stage {} do not divide into {} heads",
              channels, i, heads);
        check(static_cast<int64_t>(static_cast<double>(channels) * config.mlp_ratio) > 0,
              "[config] mlp_ratio {} leaves stage {} no hidden channel", config.mlp_ratio, i);
        sides("window_size", config.window_size[i]);
        sides("pretrained_window_sizes", config.pretrained_window_sizes[i], 0);
    }
}

}  // namespace swingrad

#include "models/hub/write_config.h"

#include "core/io/json_file.h"
#include "models/swin/swin_v2.h"

#include <algorithm>

namespace swingrad {
namespace {

using nlohmann::json;

// Of a JSON form of a configuration, the switches that V1 and V2 differ in, and others of which the libraries know one.
std::vector<std::string> switches_of(const SwinConfig& config) {
    std::vector<std::string> keys{"norm",          "merging_norm",       "attention",
                                  "position_bias", "position_embedding", "extra_norm_every"};
    if (config.qkv_bias) keys.emplace_back("key_bias");
    const bool network = config.position_bias != PositionBias::table && config.position_bias != PositionBias::none;
    if (network) keys.emplace_back("cpb_formula");
    return keys;
}

// Those in which `config` differs from V1, or from V2.
std::vector<std::string> differences(const SwinConfig& config, bool v1) {
    SwinConfig known;
    if (v1) use_v1_switches(known);
    const json is = config_to_json(config), should = config_to_json(known);
    std::vector<std::string> keys;
    for (const std::string& key : switches_of(config))
        if (is[key] != should[key]) keys.push_back(key);
    return keys;
}

std::string text_of(Extent extent) { return fmt::format("{} x {}", extent.rows, extent.columns); }

// Whether it matters which comes first: a map that is padded, and shifted along.
void require_padding_order(Hub hub, const SwinConfig& config) {
    const PaddingOrder theirs = hub == Hub::timm ? PaddingOrder::after_shift : PaddingOrder::before_shift;
    if (config.padding_order == theirs) return;
    for (size_t i = 0; i < config.depths.size(); ++i) {
        if (config.depths[i] < 2) continue;  // no block is shifted
        const Extent map = map_of_stage(config, i), window = config.window_size[i];
        check(block_window_map(map, window, true, config.padding_order)->source ==
                  block_window_map(map, window, true, theirs)->source,
              "[hub] padding_order {} is not that of {}, and matters to maps of {} in windows of {} (stage {})",
              json_text(config_to_json(config)["padding_order"]), name_of(hub), text_of(map), text_of(window), i);
    }
}

// transformers has one window for all stages, square, and shifts either both axes or none. V1's it clips to the lesser
// side of a map, but not its table of biases; V2's to the rows of a map that it rounds down when it is halved.
void require_square_windows(const SwinConfig& config) {
    const Extent window = config.window_size[0];
    check(window.rows == window.columns && std::all_of(config.window_size.begin(), config.window_size.end(),
                                                       [&](Extent one) { return one == window; }),
          "[hub] window_size {}: transformers has one square window for all stages",
          json_text(config_to_json(config)["window_size"]));
    for (size_t i = 0; i < config.depths.size(); ++i) {
        const Extent map = map_of_stage(config, i);
        const int64_t rows = is_v1(config) ? std::min(map.rows, map.columns)
                                           : (config.img_size.rows / config.patch_size.rows) >> i,
                      clipped = std::min(rows, window.rows);
        const auto fits = [&](int64_t side) {
            const bool shifts_alike = config.depths[i] < 2 || (side > window.rows) == (rows > window.rows);
            return std::min(side, window.rows) == clipped && shifts_alike;
        };
        check(fits(map.rows) && fits(map.columns) && !(is_v1(config) && clipped < window.rows),
              "[hub] maps of {} in windows of {} (stage {}): transformers cuts and shifts them otherwise", text_of(map),
              text_of(window), i);
    }
}

// A number where both are the same, as most configurations have it.
json size_of(Extent extent) {
    return extent.rows == extent.columns ? json(extent.rows) : json{extent.rows, extent.columns};
}

json sizes_of(const std::vector<Extent>& extents) {
    json list = json::array();
    for (const Extent extent : extents) list.push_back(size_of(extent));
    return list;
}

// One for all stages where there is but one.
json windows_of(const std::vector<Extent>& windows) {
    if (std::all_of(windows.begin(), windows.end(), [&](Extent one) { return one == windows[0]; }))
        return size_of(windows[0]);
    json list = json::array();
    for (const Extent window : windows) list.push_back({window.rows, window.columns});
    return list;
}

int64_t features_of(const SwinConfig& config) { return channels_of_stage(config, config.depths.size() - 1); }

// The name by which timm builds it. All sizes are spelt out beside it, so that any name would do.
std::string timm_name(const SwinConfig& config) {
    std::string size = "tiny";
    for (const char* one : {"tiny", "small", "base", "large"}) {
        const SwinConfig known = named_config(one);
        if (known.embed_dim == config.embed_dim && known.depths == config.depths && known.num_heads == config.num_heads)
            size = one;
    }
    if (is_v1(config)) return fmt::format("swin_{}_patch4_window7_224", size);
    return size == "large" ? "swinv2_large_window12_192" : fmt::format("swinv2_{}_window8_256", size);
}

}  // namespace

std::string_view name_of(Hub hub) { return hub == Hub::timm ? "timm" : "transformers"; }

bool is_v1(const SwinConfig& config) { return differences(config, true).size() < differences(config, false).size(); }

void require_model_of(Hub hub, const SwinConfig& config) {
    const bool v1 = is_v1(config);
    SwinConfig known;
    if (v1) use_v1_switches(known);
    for (const std::string& key : differences(config, v1))
        fail("[hub] {} {}: a Swin V{} of {} has {} alone", key, json_text(config_to_json(config)[key]), v1 ? 1 : 2,
             name_of(hub), json_text(config_to_json(known)[key]));
    require_padding_order(hub, config);
    if (hub == Hub::transformers) require_square_windows(config);
}

json timm_config(const SwinConfig& config) {
    json arguments{{"img_size", {config.img_size.rows, config.img_size.columns}},
                   {"patch_size", size_of(config.patch_size)},
                   {"in_chans", config.in_chans},
                   {"num_classes", config.num_classes},
                   {"global_pool", "avg"},
                   {"embed_dim", config.embed_dim},
                   {"depths", config.depths},
                   {"num_heads", config.num_heads},
                   {"window_size", windows_of(config.window_size)},
                   {"mlp_ratio", config.mlp_ratio},
                   {"qkv_bias", config.qkv_bias},
                   {"drop_rate", config.drop_rate},
                   {"proj_drop_rate", config.proj_drop_rate},
                   {"drop_path_rate", config.drop_path_rate}};
    if (!is_v1(config)) arguments["pretrained_window_sizes"] = sizes_of(config.pretrained_window_sizes);
    return {{"architecture", timm_name(config)},
            {"num_classes", config.num_classes},
            {"num_features", features_of(config)},
            {"global_pool", "avg"},
            {"model_args", arguments}};
}

json transformers_config(const SwinConfig& config, const std::vector<std::string>& classes) {
    const bool v1 = is_v1(config);
    json names = json::object(), labels = json::object(), stages = json::array({"stem"});
    for (int64_t k = 0; k < config.num_classes; ++k) {
        const auto at = static_cast<size_t>(k);
        const std::string name = classes.empty() ? fmt::format("LABEL_{}", k) : classes[at];
        names[std::to_string(k)] = name;
        labels[name] = k;
    }
    for (size_t i = 1; i <= config.depths.size(); ++i) stages.push_back(fmt::format("stage{}", i));
    json file{{"model_type", v1 ? "swin" : "swinv2"},
              {"architectures", json::array({v1 ? "SwinForImageClassification" : "Swinv2ForImageClassification"})},
              {"dtype", "float32"},
              {"image_size", size_of(config.img_size)},
              {"patch_size", size_of(config.patch_size)},
              {"num_channels", config.in_chans},
              {"embed_dim", config.embed_dim},
              {"depths", config.depths},
              {"num_heads", config.num_heads},
              {"num_layers", config.depths.size()},
              {"hidden_size", features_of(config)},
              {"window_size", config.window_size[0].rows},
              {"mlp_ratio", config.mlp_ratio},
              {"qkv_bias", config.qkv_bias},
              {"hidden_dropout_prob", config.proj_drop_rate},
              {"attention_probs_dropout_prob", 0.0},
              {"drop_path_rate", config.drop_path_rate},
              {"hidden_act", "gelu"},
              {"use_absolute_embeddings", false},
              {"initializer_range", 0.02},
              {"layer_norm_eps", 1e-5},
              {"stage_names", stages},
              {"id2label", names},
              {"label2id", labels}};
    if (!v1) file["pretrained_window_sizes"] = sizes_of(config.pretrained_window_sizes);
    return file;
}

}  // namespace swingrad

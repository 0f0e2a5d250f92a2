#include "models/swin/hub_config.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "models/swin/config.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace swingrad {
namespace {

using nlohmann::json;

// ---- timm

// Takes `word` off the beginning of `name`.
bool take(std::string_view& name, std::string_view word) {
    if (!name.starts_with(word)) return false;
    name.remove_prefix(word.size());
    return true;
}

std::optional<int64_t> take_number(std::string_view& name) {
    int64_t number = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (problem != std::errc()) return {};
    name.remove_prefix(static_cast<size_t>(end - name.data()));
    return number;
}

// "12to16": of the training before, and now. "8": both.
std::optional<std::pair<int64_t, int64_t>> take_range(std::string_view& name) {
    const auto from = take_number(name);
    if (!from) return {};
    if (!take(name, "to")) return std::pair{*from, *from};
    const auto to = take_number(name);
    return to ? std::optional(std::pair{*from, *to}) : std::nullopt;
}

// swinv2_base_window12to16_192to256, swin_tiny_patch4_window7_224, with a tag behind it or not.
json arguments_of_timm_name(const std::string& architecture) {
    std::string_view name = architecture;
    const auto unknown = [&] {
        fail(
            "[config] architecture {} of timm is unknown; known are swin_ and swinv2_ of sizes tiny, small, base and "
            "large",
            in_quotes(architecture));
    };
    const bool v2 = take(name, "swinv2_");
    if (!v2 && !take(name, "swin_")) unknown();
    json arguments{{"architecture", v2 ? "swinv2" : "swin"}, {"patch_size", 4}};
    for (const char* size : {"tiny_", "small_", "base_", "large_"}) {
        if (!take(name, size)) continue;
        const SwinConfig known = named_config(std::string_view(size, std::string_view(size).size() - 1));
        arguments.update({{"embed_dim", known.embed_dim}, {"depths", known.depths}, {"num_heads", known.num_heads}});
        break;
    }
    take(name, "patch4_");
    if (!arguments.contains("depths") || !take(name, "window")) unknown();
    const auto window = take_range(name);
    if (!window || !take(name, "_")) unknown();
    const auto image = take_range(name);
    if (!image) unknown();
    arguments["window_size"] = window->second;
    arguments["img_size"] = image->second;
    // The last map of the training before was no larger than half such a window.
    const auto [before, now] = *window;
    if (before != now) arguments["pretrained_window_sizes"] = {before, before, before, before / 2};
    return arguments;
}

json from_timm(const json& file) {
    const auto architecture = file.at("architecture").get<std::string>();
    const bool named = architecture == "swin" || architecture == "swinv2";
    json arguments = named ? json{{"architecture", architecture}} : arguments_of_timm_name(architecture);
    // timm pads after the shift.
    arguments["padding_order"] = "after-shift";
    if (file.contains("num_classes")) arguments["num_classes"] = file["num_classes"];
    const json& pretrained = file.contains("pretrained_cfg") ? file["pretrained_cfg"] : file;
    const json input = pretrained.is_object() ? pretrained.value("input_size", json()) : json();
    if (input.is_array() && input.size() == 3) {
        arguments["in_chans"] = input[0];
        arguments["img_size"] = {input[1], input[2]};
    }
    if (file.contains("model_args")) {
        check(file["model_args"].is_object(), "[config] model_args must be an object, got {}",
              json_text(file["model_args"]));
        arguments.update(file["model_args"]);
    }
    return arguments;
}

// ---- transformers

struct Renamed {
    const char *theirs, *ours;
};
constexpr Renamed renamed[] = {
    {"image_size", "img_size"},
    {"patch_size", "patch_size"},
    {"num_channels", "in_chans"},
    {"embed_dim", "embed_dim"},
    {"depths", "depths"},
    {"num_heads", "num_heads"},
    {"window_size", "window_size"},
    {"pretrained_window_sizes", "pretrained_window_sizes"},
    {"mlp_ratio", "mlp_ratio"},
    {"qkv_bias", "qkv_bias"},
    {"drop_path_rate", "drop_path_rate"},
    {"hidden_dropout_prob", "proj_drop_rate"},
};

json from_transformers(const json& file) {
    const json& type = file["model_type"];
    check(type == "swin" || type == "swinv2", "[config] model_type of transformers must be swin or swinv2, got {}",
          json_text(type));
    // What Swin has here in one way alone.
    const std::pair<const char*, json> fixed[] = {{"hidden_act", "gelu"},
                                                  {"use_absolute_embeddings", false},
                                                  {"attention_probs_dropout_prob", 0.0},
                                                  {"layer_norm_eps", 1e-5}};
    for (const auto& [name, only] : fixed)
        check(file.value(name, only) == only, "[config] {} can only be {}, got {}", name, json_text(only),
              json_text(file.value(name, only)));
    json arguments{{"architecture", type}, {"padding_order", "before-shift"}};
    for (const auto& [theirs, ours] : renamed)
        if (file.contains(theirs)) arguments[ours] = file[theirs];
    if (file.contains("id2label")) arguments["num_classes"] = file["id2label"].size();
    if (file.contains("num_labels")) arguments["num_classes"] = file["num_labels"];
    return arguments;
}

}  // namespace

bool is_hub_config(const json& file) {
    if (!file.is_object()) return false;
    if (file.contains("model_type")) return true;
    const json architecture = file.value("architecture", json());
    const bool bare = architecture == "swin" || architecture == "swinv2";
    return architecture.is_string() && (!bare || file.contains("model_args"));
}

json from_hub_config(const json& file) {
    return file.contains("model_type") ? from_transformers(file) : from_timm(file);
}

}  // namespace swingrad

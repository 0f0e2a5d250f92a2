#include "train/program/cli/model_flags.h"

#include "core/io/json_file.h"
#include "models/swin/hub_config.h"

#include <algorithm>
#include <sstream>

namespace swingrad {
namespace {

using nlohmann::json;

// ---- from the text of a flag to the JSON that config_from_json takes; ranges and names are checked there

std::vector<std::string> items_of(const std::string& flag, const std::string& text) {
    std::vector<std::string> items;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) items.push_back(part);
    if (items.empty() || text.back() == ',') fail_usage("{} expects a list such as 2,4, got \"{}\"", flag, text);
    return items;
}

json to_integer(const std::string& flag, const std::string& text) {
    int64_t value = 0;
    parse_value(flag, text, value);
    return value;
}

json to_number(const std::string& flag, const std::string& text) {
    double value = 0;
    parse_value(flag, text, value);
    return value;
}

json to_bool(const std::string& flag, const std::string& text) {
    if (text.empty() || text == "true") return true;
    if (text == "false") return false;
    fail_usage("{} expects true or false, got \"{}\"", flag, text);
}

json to_word(const std::string&, const std::string& text) { return text; }

json to_list(const std::string& flag, const std::string& text) {
    json list = json::array();
    for (const std::string& item : items_of(flag, text)) list.push_back(to_integer(flag, item));
    return list;
}

// "8" for both axes, or "8x4": rows and columns.
json to_size(const std::string& flag, const std::string& text) {
    const size_t x = text.find('x');
    int64_t rows = 0, columns = 0;
    const auto read = [&](const std::string& part, int64_t& value) {
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error != std::errc() || end != part.data() + part.size())
            fail_usage("{} expects sizes such as 8 or 8x4, got \"{}\"", flag, text);
    };
    read(text.substr(0, x), rows);
    if (x == std::string::npos) return {rows, rows};
    read(text.substr(x + 1), columns);
    return {rows, columns};
}

// One size for all stages, or a list with one a stage.
json to_sizes(const std::string& flag, const std::string& text) {
    const auto items = items_of(flag, text);
    if (items.size() == 1 && text.find('x') == std::string::npos) return to_integer(flag, text);
    if (items.size() == 1 && flag == "--window-size") return to_size(flag, text);
    json list = json::array();
    for (const std::string& item : items) list.push_back(to_size(flag, item));
    return list;
}

struct ModelFlag {
    const char* key;  // of config_from_json
    const char* type;
    json (*read)(const std::string& flag, const std::string& text);
    const char* help;
};

constexpr ModelFlag model_flags[] = {
    {"architecture", "swin|swinv2", to_word,
     "swin: all of V1's switches at once; the flags below may change them again"},
    {"img_size", "N|NxM", to_size, "rows and columns of the images"},
    {"patch_size", "N|NxM", to_size, "pixels of a patch"},
    {"in_chans", "N", to_integer, "channels of the images"},
    {"num_classes", "N", to_integer, "classes"},
    {"embed_dim", "N", to_integer, "channels of the first stage, doubled at every next"},
    {"depths", "N,...", to_list, "blocks of each stage"},
    {"num_heads", "N,...", to_list, "heads of each stage"},
    {"window_size", "N|NxM,...", to_sizes, "tokens of a window: of all stages, or a list with one a stage"},
    {"pretrained_window_sizes", "N,...", to_sizes, "windows the weights were trained with; 0: none"},
    {"mlp_ratio", "X", to_number, "channels within the MLP to those outside"},
    {"qkv_bias", "true|false", to_bool, "a bias of queries and values"},
    {"key_bias", "true|false", to_bool, "a bias of keys too (V1)"},
    {"norm", "res-post|pre|post|sandwich", to_word, "where the norms of a block stand"},
    {"merging_norm", "after|before", to_word, "the norm of patch merging"},
    {"extra_norm_every", "N", to_integer, "a further norm after so many blocks of a stage; 0: none"},
    {"attention", "cosine|dot", to_word, "score of query and key"},
    {"position_bias", "log-cpb|linear-cpb|table|none", to_word, "what is added to the score"},
    {"position_embedding", "none|absolute", to_word, "a learnt vector for each place, added to the embedded patches"},
    {"cpb_formula", "code|paper", to_word, "of the position bias' network"},
    {"padding_order", "before-shift|after-shift", to_word, "of maps that are no whole windows"},
    {"drop_rate", "X", to_number, "dropout before the classifier"},
    {"proj_drop_rate", "X", to_number, "dropout in blocks"},
    {"drop_path_rate", "X", to_number, "drop path of the last block, rising linearly from 0"},
    {"sequential_attention", "true|false", to_bool, "less memory: a few keys' scores at a time"},
    {"checkpoint_blocks", "true|false", to_bool, "less memory: blocks are computed again in backward"},
};

std::string flag_of(std::string key) {
    if (key == "architecture") return "--arch";
    std::replace(key.begin(), key.end(), '_', '-');
    return "--" + key;
}

// Whether this is a run's config.json, or a hub's, which need no model by name.
bool is_whole(const json& file) { return file.is_object() && (file.contains("derived") || is_hub_config(file)); }

}  // namespace

// ---- flags

void ModelFlags::declare(CLI::App& command, const std::vector<std::string>& without) {
    for (const ModelFlag& one : model_flags) {
        if (std::find(without.begin(), without.end(), one.key) != without.end()) continue;
        const std::string flag = flag_of(one.key);
        const auto read = [this, &one, flag](const std::string& text) {
            arguments_[one.key] = one.read(flag, text);
            given_.emplace_back(one.key, text);
        };
        CLI::Option* option = command.add_option_function<std::string>(
            one.read == to_word && flag == "--arch" ? "--arch,--architecture" : flag, read, one.help);
        option->type_name(one.type)->group("Architecture, where it is not that of --model");
        if (one.read == to_bool) option->expected(0, 1);  // alone: true
    }
}

std::string ModelFlags::text() const {
    std::string all;
    for (const auto& [key, text] : given_)
        all += (all.empty() ? "" : " ") + flag_of(key) + (text.empty() ? "" : " " + text);
    return all;
}

std::string ModelFlags::in_terms_of_flags(const std::string& message) const {
    static const std::string prefix = "[config] ";
    if (given_.empty() || !message.starts_with(prefix)) return message;
    const std::string rest = message.substr(prefix.size());
    for (const auto& [key, value] : given_)
        if (rest.starts_with(key + " ")) return flag_of(key) + rest.substr(key.size());
    return text() + ": " + rest;
}

SwinConfig ModelFlags::applied_to(const SwinConfig& base) const {
    try {
        return config_from_json(arguments_, base);
    } catch (const Error& error) {
        throw UsageError(in_terms_of_flags(error.what()));
    }
}

std::string ModelFlags::contradiction(const SwinConfig& config) const {
    const json before = config_to_json(config), after = config_to_json(applied_to(config));
    for (const auto& [key, text] : given_) {
        if (key == "architecture" && before != after) return fmt::format("--arch {} contradicts the switches", text);
        if (key != "architecture" && before[key] != after[key])
            return fmt::format("{} {} contradicts the {}", flag_of(key), text, before[key].dump());
    }
    return "";
}

// ---- choice

void ModelChoice::declare(CLI::App& command, const std::string& name, const std::vector<std::string>& without) {
    name_ = name;
    std::string names;
    for (const std::string& known : config_names()) names += (names.empty() ? "" : ", ") + known;
    name_flag_ = add_flag(command, "--model", name_, "model by name: " + names);
    add_flag(
        command, "--config", file_,
        "JSON: arguments of a model that change --model's, or the config.json of a run, of timm or of transformers");
    flags_.declare(command, without);
}

bool ModelChoice::given() const { return name_flag_->count() > 0 || !file_.empty() || !flags_.text().empty(); }

json ModelChoice::in_file() const { return file_.empty() ? json::object() : read_json_file(file_); }

std::string ModelChoice::text() const {
    std::string all = is_whole(in_file()) ? "" : name_;
    for (const std::string& more : {file_.empty() ? "" : "--config " + file_.string(), flags_.text()})
        if (!more.empty()) all += (all.empty() ? "" : " ") + more;
    return on_one_line(all);
}

std::string ModelChoice::flags_text() const { return (name_flag_->count() > 0 ? "--model " : "") + text(); }

// What the file says of the model, over `base` where it does not say all.
SwinConfig ModelChoice::config_in_file(const SwinConfig& base) const {
    const json file = in_file();
    try {
        if (is_hub_config(file)) return config_from_json(from_hub_config(file));
        if (!is_whole(file)) return config_from_json(file, base);
        const json& derived = file["derived"];
        check(derived.is_object() && derived.contains("model"), "no \"model\" under \"derived\"");
        return config_from_json(derived["model"], base);
    } catch (const Error& error) {
        fail_usage("--config {}: {}", file_.string(), error.what());
    }
}

SwinConfig ModelChoice::config() const {
    if (name_flag_->count() > 0 && is_whole(in_file()))
        fail_usage("--model {} contradicts --config {}, which has its model", name_, file_.string());
    const SwinConfig named = name_.empty() ? SwinConfig{} : as_usage([&] { return named_config(name_); });
    return flags_.applied_to(file_.empty() ? named : config_in_file(named));
}

}  // namespace swingrad

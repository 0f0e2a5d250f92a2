#include "train/program/run/run_folder.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "train/loop/trainer.h"
#include "train/program/report/log_table.h"

#include <algorithm>
#include <array>

namespace swingrad {
namespace fs = std::filesystem;

fs::path RunFolder::kept(int64_t epoch) const { return path / fmt::format("epoch-{:04}.safetensors", epoch); }

fs::path RunFolder::weights_so_far() const {
    for (const fs::path& candidate : {weights(), best(), last()})
        if (fs::exists(candidate)) return candidate;
    return {};
}

RunFolder folder_of_checkpoint(const fs::path& checkpoint) {
    const bool is_folder = fs::is_directory(checkpoint);
    check(is_folder || fs::exists(checkpoint), "--checkpoint {}: no such file or folder", checkpoint.string());
    const fs::path parent = checkpoint.has_parent_path() ? checkpoint.parent_path() : ".";
    return {is_folder ? checkpoint : parent};
}

fs::path weights_of_checkpoint(const fs::path& checkpoint) {
    const fs::path weights = fs::is_directory(checkpoint) ? RunFolder{checkpoint}.weights_so_far() : checkpoint;
    check(!weights.empty(), "--checkpoint {}: no weights in it yet", checkpoint.string());
    return weights;
}

fs::path weights_in_folder_or_file(const fs::path& named) {
    std::error_code unknown;
    const fs::path of_run = fs::is_directory(named, unknown) ? RunFolder{named}.weights_so_far() : fs::path();
    return of_run.empty() ? named : of_run;
}

// ---- config.json

nlohmann::json to_json(const RunConfig& config) {
    nlohmann::json json = to_json(config.recipe);
    json["derived"] = {
        {"model", config_to_json(config.model)},       {"classes", config.classes},
        {"training_images", config.training_images},   {"mean", config.normalisation.mean},
        {"deviation", config.normalisation.deviation}, {"images_of_class", config.images_of_class},
        {"fingerprint", config.fingerprint},           {"uses_val", config.uses_val},
    };
    if (!config.recipe_name.empty()) json["derived"]["recipe"] = config.recipe_name;
    if (!config.identity.empty()) json["derived"]["identity"] = config.identity;
    if (!config.epochs_before.empty()) json["derived"]["epochs_before"] = config.epochs_before;
    if (!config.init_fingerprint.empty()) json["derived"][init_fingerprint_setting] = config.init_fingerprint;
    return json;
}

nlohmann::json fixed_settings_of(const RunConfig& config) {
    nlohmann::json fixed = to_json(config.recipe);
    for (const char* may_change : {"data", "skip-broken", "cache", "workers"}) fixed.erase(may_change);
    if (!config.identity.empty()) fixed[identity_setting] = config.identity;
    if (!config.epochs_before.empty()) fixed[epochs_before_setting] = config.epochs_before;
    if (!config.init_fingerprint.empty()) fixed[init_fingerprint_setting] = config.init_fingerprint;
    const nlohmann::json architecture = config_to_json(config.model);
    for (const auto& [key, value] : architecture.items()) fixed["architecture." + key] = value;
    fixed["mean"] = config.normalisation.mean;
    fixed["deviation"] = config.normalisation.deviation;
    return fixed;
}

namespace {

// Whether a value is of the kind that is to be read. The library would take true for 1, and 1.5 for 1.
bool holds(const nlohmann::json& value, const std::string&) { return value.is_string(); }
bool holds(const nlohmann::json& value, int64_t) { return is_int64(value); }
bool holds(const nlohmann::json& value, float) { return value.is_number(); }
bool holds(const nlohmann::json& value, bool) { return value.is_boolean(); }
bool holds(const nlohmann::json& value, const nlohmann::json&) { return value.is_object(); }
template <class T>
bool all_hold(const nlohmann::json& value, const T& one) {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), [&](const auto& item) { return holds(item, one); });
}
template <class T>
bool holds(const nlohmann::json& value, const std::vector<T>&) {
    return all_hold(value, T{});
}
template <class T, size_t count>
bool holds(const nlohmann::json& value, const std::array<T, count>&) {
    return all_hold(value, T{}) && value.size() == count;
}

}  // namespace

void say_as_today(nlohmann::json& settings) {
    if (!settings.contains("ignore-exif")) settings["ignore-exif"] = true;  // version 0.1 turned no picture
    // Until version 0.2 all images had the model's size. Since then a run's settings say which crops it chose.
    if (!settings.contains("train-crop-mode")) settings["train-crop-mode"] = "pad";
    if (!settings.contains("micro-batches")) settings["micro-batches"] = 1;  // batches were computed whole
    // There was one version of them.
    if (settings.value("data", nlohmann::json()) == "shapes") settings["data"] = "shapes:1";
}

RunConfig read_config(const RunFolder& folder) {
    const std::string name = folder.config().string();
    check(fs::exists(folder.config()), "[run] {} is not a run: no config.json in it", folder.path.string());
    nlohmann::json json = read_json_file(folder.config());
    check(json.is_object() && json.contains("derived"), "[run] {}: no \"derived\" in it, so no run wrote it", name);
    const nlohmann::json derived = json["derived"];
    check(derived.is_object(), "[run] {}: \"derived\" must be an object, got {}", name, json_text(derived));
    check(!derived.contains("program"),
          "[run] {}: a run of the program {}, which alone knows its model: use its commands", name,
          json_text(derived.value("program", nlohmann::json())));
    json.erase("derived");
    say_as_today(json);

    RunConfig config;
    update(config.recipe, json, name);
    try {
        validate(config.recipe);
    } catch (const UsageError& error) {
        fail_usage("{}: {}", name, error.what());
    }
    const auto read = [&](const char* key, auto& to, bool required = true) {
        if (!required && !derived.contains(key)) return;
        check(derived.contains(key) && holds(derived[key], to),
              "[run] {}: \"{}\" under \"derived\" is missing, or not as a run writes it", name, key);
        derived[key].get_to(to);
    };
    nlohmann::json model;
    read("model", model);
    config.model = config_from_json(model);
    read("classes", config.classes);
    read("training_images", config.training_images);
    read("mean", config.normalisation.mean);
    read("deviation", config.normalisation.deviation);
    read("images_of_class", config.images_of_class, false);  // not in runs of 0.1, as the next two
    read("fingerprint", config.fingerprint, false);
    read("uses_val", config.uses_val, false);
    read("recipe", config.recipe_name, false);
    read("identity", config.identity, false);
    read("epochs_before", config.epochs_before, false);
    read(init_fingerprint_setting, config.init_fingerprint, false);
    check_normalisation(config.normalisation, fmt::format("[run] {}: \"mean\"", name),
                        fmt::format("[run] {}: \"deviation\"", name));
    const auto [rows, columns] = config.model.img_size;
    check(rows == config.recipe.img_size && columns == config.recipe.img_size,
          "[run] {}: its model takes images of {} x {}, its img-size is {}", name, rows, columns,
          config.recipe.img_size);
    check(config.model.num_classes == static_cast<int64_t>(config.classes.size()),
          "[run] {}: its model has {} classes, named are {}", name, config.model.num_classes, config.classes.size());
    return config;
}

// ---- log.jsonl

void append_to_log(const RunFolder& folder, const nlohmann::json& entry) {
    append_to_file(folder.log(), entry.dump() + "\n");
    write_file_atomically(folder.log_csv(), csv_of(read_log(folder.log())));
}

void cut_log(const RunFolder& folder, int64_t epochs) {
    std::string kept;
    if (fs::exists(folder.log()))
        for (const LogLine& line : lines_of_log(folder.log())) {
            const bool done = line.kind == LogLine::Kind::epoch && line.entry["epoch"].get<int64_t>() <= epochs;
            if (done || line.kind == LogLine::Kind::unreadable) kept += line.text + "\n";
        }
    write_file_atomically(folder.log(), kept);
    write_file_atomically(folder.log_csv(), csv_of(read_log(folder.log())));
}

// ---- what a killed process left behind, and what a stranger may have

bool is_temporary(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with('.') && name.ends_with(".tmp");
}

void remove_temporaries(const RunFolder& folder) {
    std::error_code error;
    std::vector<fs::path> found;
    for (const fs::path& place : {folder.path, folder.figures()})
        for (const auto& entry : fs::directory_iterator(place, error))
            if (is_temporary(entry.path())) found.push_back(entry.path());
    for (const fs::path& path : found) fs::remove(path, error);  // one that stays does no harm
}

void refuse_links(const RunFolder& folder) {
    std::error_code error;
    constexpr auto options = fs::directory_options::skip_permission_denied;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path, options, error))
        check(!entry.is_symlink(error),
              "[run] {} is a symbolic link, and a run writes nothing outside its folder: remove it, or put in its "
              "place what it points to",
              entry.path().string());
}

std::vector<std::filesystem::path> files_of(const RunFolder& run) {
    return {run.config(),   run.log(),  run.log_csv(), run.environment(), run.last(),
            run.previous(), run.best(), run.weights(), run.report()};
}

}  // namespace swingrad

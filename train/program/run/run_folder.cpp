#include "train/program/run/run_folder.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "train/program/report/log_table.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <unistd.h>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// Adds `text` at the end of the file and brings it to disk, or throws: a full disk shows only when one asks.
void append(const fs::path& path, const std::string& text) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "ab"), std::fclose);
    const bool written = file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                         std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
    check(written, "[run] cannot write {}: {}", path.string(), std::strerror(errno));
}

}  // namespace

fs::path RunFolder::kept(int64_t epoch) const { return path / fmt::format("epoch-{:04}.safetensors", epoch); }

// ---- config.json

nlohmann::json to_json(const RunConfig& config) {
    nlohmann::json json = to_json(config.recipe);
    json["derived"] = {
        {"model", config_to_json(config.model)},       {"classes", config.classes},
        {"training_images", config.training_images},   {"mean", config.normalisation.mean},
        {"deviation", config.normalisation.deviation},
    };
    return json;
}

RunConfig read_config(const RunFolder& folder) {
    const std::string name = folder.config().string();
    check(fs::exists(folder.config()), "[run] {} is not a run: no config.json in it", folder.path.string());
    nlohmann::json json = read_json_file(folder.config());
    check(json.is_object() && json.contains("derived"), "[run] {}: no \"derived\" in it, so no run wrote it", name);
    const nlohmann::json derived = json["derived"];
    check(!derived.contains("program"), "[run] {}: a run of the program {}, which alone knows its model", name,
          derived.value("program", nlohmann::json()).dump());
    json.erase("derived");

    RunConfig config;
    update(config.recipe, json, name);
    try {
        validate(config.recipe);
    } catch (const UsageError& error) {
        fail_usage("{}: {}", name, error.what());
    }
    try {
        config.model = config_from_json(derived.at("model"));
        derived.at("classes").get_to(config.classes);
        derived.at("training_images").get_to(config.training_images);
        derived.at("mean").get_to(config.normalisation.mean);
        derived.at("deviation").get_to(config.normalisation.deviation);
    } catch (const nlohmann::json::exception& error) {
        fail("[run] {}: {}", name, error.what());
    }
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
    append(folder.log(), entry.dump() + "\n");
    write_file_atomically(folder.log_csv(), csv_of(read_log(folder.log())));
}

void cut_log(const RunFolder& folder, int64_t epochs) {
    LogTable log;
    if (fs::exists(folder.log())) log = read_log(folder.log());
    std::erase_if(log.epochs, [&](const auto& entry) { return entry["epoch"].template get<int64_t>() > epochs; });
    std::string kept;
    for (const auto& entry : log.epochs) kept += entry.dump() + "\n";
    write_file_atomically(folder.log(), kept);
    write_file_atomically(folder.log_csv(), csv_of(log));
}

// ---- what a killed process left behind

void remove_temporaries(const RunFolder& folder) {
    std::error_code error;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder.path, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.') && name.ends_with(".tmp")) found.push_back(entry.path());
    }
    for (const fs::path& path : found) fs::remove(path, error);  // one that stays does no harm
}

}  // namespace swingrad

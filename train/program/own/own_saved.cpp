#include "train/program/own/own_saved.h"

#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/program/console/output.h"
#include "train/program/run/way_back.h"

#include <algorithm>

namespace swingrad {
namespace fs = std::filesystem;

nlohmann::json read_own_config(const Program& program, const RunFolder& folder) {
    const std::string name = folder.config().string();
    check(fs::exists(folder.config()), "[run] {} is not a run: no config.json in it", folder.path.string());
    nlohmann::json config = read_json_file(folder.config());
    const bool known = config.is_object() && config.contains("derived") && config["derived"].is_object();
    const nlohmann::json made_by = known ? config["derived"].value("program", nlohmann::json()) : nlohmann::json();
    check(made_by == program.name, "[run] {}: no run of {}: its program is {}", name, program.name, json_text(made_by));
    return config;
}

Recipe recipe_in(nlohmann::json config, const RunFolder& folder) {
    config.erase("derived");
    Recipe recipe;
    const std::string name = folder.config().string();
    // What every run has; those of earlier versions lack what has come since, and were as it is by default.
    for (const char* setting : {"epochs", "batch-size", "opt", "lr", "weight-decay", "momentum", "warmup-epochs",
                                "label-smoothing", "clip-grad", "seed", "precision"})
        check(config.contains(setting), "[run] {}: no \"{}\" in it", name, setting);
    if (!config.contains("micro-batches")) config["micro-batches"] = 1;  // batches were computed whole
    update(recipe, config, name);
    try {
        validate(recipe);
    } catch (const UsageError& error) {
        fail_usage("{}: {}", name, error.what());
    }
    return recipe;
}

SourceFlags source_in(const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json& derived = config["derived"];
    const bool known = derived.contains("data") && derived["data"].is_string() && derived.contains("limit") &&
                       is_int64(derived["limit"]);
    check(known, "[run] {}: \"derived\" lacks \"data\" or \"limit\"", folder.config().string());
    SourceFlags source;
    source.source = derived["data"];
    source.limit = derived["limit"];
    return source;
}

nlohmann::json identity_in(const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json identity = config["derived"].value(identity_setting, nlohmann::json());
    check(identity.is_null() || identity.is_string(), "[run] {}: \"{}\" under \"derived\" must be a text, got {}",
          folder.config().string(), identity_setting, json_text(identity));
    return identity;
}

std::vector<int64_t> epochs_before_in(const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json before = config["derived"].value("epochs_before", nlohmann::json::array());
    check(before.is_array() && std::all_of(before.begin(), before.end(), [](const auto& one) { return is_int64(one); }),
          "[run] {}: \"epochs_before\" under \"derived\" must be whole numbers, got {}", folder.config().string(),
          json_text(before));
    return before.get<std::vector<int64_t>>();
}

void note_pictures(const Samples& samples, nlohmann::json& derived) {
    const PictureInput* input = samples.picture_input();
    const Dataset* images = samples.images();
    if (!input || !images) return;
    derived["pictures"] = {{"rows", input->extent.rows},
                           {"columns", input->extent.columns},
                           {"mean", input->normalisation.mean},
                           {"deviation", input->normalisation.deviation}};
    derived["classes"] = images->classes;
}

PicturesLearnt pictures_in(const Program& program, const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json& derived = config["derived"];
    const std::string name = folder.config().string();
    check(derived.contains("pictures"),
          "[run] {}: {} has not learnt from pictures: its samples name no picture_input (train/data/samples.h){}", name,
          program.name, program.text.context > 0 ? "; " + program.name + " write goes on with a text" : "");
    PicturesLearnt pictures;
    Extent& extent = pictures.input.extent;
    Normalisation& normalisation = pictures.input.normalisation;
    try {
        const nlohmann::json& input = derived["pictures"];
        input.at("rows").get_to(extent.rows);
        input.at("columns").get_to(extent.columns);
        input.at("mean").get_to(normalisation.mean);
        input.at("deviation").get_to(normalisation.deviation);
        derived.at("classes").get_to(pictures.classes);
    } catch (const nlohmann::json::exception&) {
        fail("[run] {}: \"pictures\" or \"classes\" under \"derived\" is not as a run writes it", name);
    }
    constexpr int64_t most = 16384;  // pixels along a side
    const auto fits = [](int64_t side) { return side >= 1 && side <= most; };
    check(fits(extent.rows) && fits(extent.columns),
          "[run] {}: \"pictures\" must have 1 to {} rows and columns, got {} and {}", name, most, extent.rows,
          extent.columns);
    check_normalisation(normalisation, fmt::format("[run] {}: \"mean\"", name),
                        fmt::format("[run] {}: \"deviation\"", name));
    return pictures;
}

LoadedModel::LoadedModel(const Program& program, const fs::path& weights, DType dtype, Device device,
                         Gradients gradients)
    : model(model_of(program)), parameters(*model, dtype, Random{}, device, gradients) {
    load_weights(weights, parameters);
    if (!has_checksum(weights)) warn(no_checksum_text(weights));
}

}  // namespace swingrad

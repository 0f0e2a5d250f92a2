// The folder of a run: its settings, its log, its checkpoints, its report. All but log.jsonl, which only grows, are
// replaced in one move (core/io/file.h): whatever happens, what is there is whole.
#pragma once

#include "models/swin/config.h"
#include "train/data/batch.h"
#include "train/loop/swin_recipe.h"

#include <filesystem>

namespace swingrad {

struct RunFolder {
    std::filesystem::path path;

    std::filesystem::path config() const { return path / "config.json"; }
    std::filesystem::path log() const { return path / "log.jsonl"; }              // one line an epoch
    std::filesystem::path log_csv() const { return path / "log.csv"; }            // the same, without the test
    std::filesystem::path last() const { return path / "last.safetensors"; }      // checkpoint to resume from
    std::filesystem::path best() const { return path / "best.safetensors"; }      // weights, best on validation
    std::filesystem::path weights() const { return path / "model.safetensors"; }  // weights, the result
    std::filesystem::path kept(int64_t epoch) const;                              // weights, "epoch-0010.safetensors"
    std::filesystem::path environment() const { return path / "environment.json"; }
    std::filesystem::path figures() const { return path / "figures"; }
    std::filesystem::path report() const { return path / "report.html"; }
    std::filesystem::path lock() const { return path / ".lock"; }  // train/program/run/run_lock.h
};

// What config.json holds: the recipe's settings at top level, the rest under "derived".
struct RunConfig {
    SwinRecipe recipe;
    SwinConfig model;
    Normalisation normalisation{};
    std::vector<std::string> classes;
    int64_t training_images = 0;
};

nlohmann::json to_json(const RunConfig& config);
// Throws an Error naming the file where it is missing, no JSON, or lacks something.
RunConfig read_config(const RunFolder& folder);

// Appends one line to log.jsonl and makes log.csv anew from it. Throws an Error naming the file where it cannot.
void append_to_log(const RunFolder& folder, const nlohmann::json& entry);
// Keeps the lines of the first `epochs` epochs and nothing else, so that a resumed run doubles none; log.csv likewise.
void cut_log(const RunFolder& folder, int64_t epochs);

// Removes the files that write_file_atomically had begun when the process was killed: .NAME.*.tmp.
void remove_temporaries(const RunFolder& folder);

}  // namespace swingrad

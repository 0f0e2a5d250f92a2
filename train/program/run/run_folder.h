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
    std::filesystem::path log() const { return path / "log.jsonl"; }                  // one line an epoch
    std::filesystem::path log_csv() const { return path / "log.csv"; }                // the same, without the test
    std::filesystem::path last() const { return path / "last.safetensors"; }          // checkpoint to resume from
    std::filesystem::path previous() const { return path / "previous.safetensors"; }  // the checkpoint before it
    // The next checkpoint, until it is whole and takes the place of the last.
    std::filesystem::path next() const { return path / ".next.safetensors.tmp"; }
    std::filesystem::path best() const { return path / "best.safetensors"; }      // weights, best on validation
    std::filesystem::path weights() const { return path / "model.safetensors"; }  // weights, the result
    // The result, or the best so far, or the last checkpoint; empty where there is none of them.
    std::filesystem::path weights_so_far() const;
    std::filesystem::path kept(int64_t epoch) const;  // weights, "epoch-0010.safetensors"
    std::filesystem::path environment() const { return path / "environment.json"; }
    std::filesystem::path figures() const { return path / "figures"; }
    std::filesystem::path report() const { return path / "report.html"; }
    std::filesystem::path lock() const { return path / ".lock"; }  // train/program/run/run_lock.h
};

// What --checkpoint names is a run's folder or a file in one: the folder, and the file its weights are in. Both throw
// an Error where there is none.
RunFolder folder_of_checkpoint(const std::filesystem::path& checkpoint);
std::filesystem::path weights_of_checkpoint(const std::filesystem::path& checkpoint);

// Of a folder or a file that is named, for open_tensors (core/io/stored_tensors.h): a run's weights so far, or the
// folder itself, or the file.
std::filesystem::path weights_in_folder_or_file(const std::filesystem::path& named);

// What config.json holds: the recipe's settings at top level, the rest under "derived".
struct RunConfig {
    SwinRecipe recipe;
    SwinConfig model;
    Normalisation normalisation{};
    std::vector<std::string> classes;
    int64_t training_images = 0;
    // Of these images, to know them again (train/program/run/fingerprint.h); empty in runs of version 0.1.
    std::vector<int64_t> images_of_class = {};
    std::string fingerprint = {};
    bool uses_val = false;                    // whether a folder val, where there is one, validates
    std::string recipe_name = {};             // what --recipe named; empty: nothing
    std::string identity = {};                // marks the files of the run; empty in runs of version 0.1
    std::vector<int64_t> epochs_before = {};  // they were raised (train/program/console/resume_changes.h)
    std::string init_fingerprint = {};        // of the weights that it began from; empty where it did not
};

// Under "derived", and among the fixed settings, the fingerprint of what a run began from.
inline constexpr const char* init_fingerprint_setting = "init_fingerprint";

nlohmann::json to_json(const RunConfig& config);
// Of these, what decides a run's results beside its recipe, and cannot change: for Trainer::fixed_settings.
nlohmann::json fixed_settings_of(const RunConfig& config);
// The settings of a run's config.json, whichever version wrote it, as this version says the same.
void say_as_today(nlohmann::json& settings);
// Throws an Error naming the file where it is missing, no JSON, or lacks something.
RunConfig read_config(const RunFolder& folder);

// Appends one line to log.jsonl and makes log.csv anew from it. Throws an Error naming the file where it cannot.
void append_to_log(const RunFolder& folder, const nlohmann::json& entry);
// Keeps the lines of the first `epochs` epochs, so that a resumed run doubles none, and those that cannot be read, as
// they are; log.csv likewise.
void cut_log(const RunFolder& folder, int64_t epochs);

// Whether it is of the files that were being written when a process was killed: .NAME.*.tmp.
bool is_temporary(const std::filesystem::path& file);
// Removes them, from figures/ too.
void remove_temporaries(const RunFolder& folder);

// Throws an Error that names the first symbolic link in the folder, at any depth. A folder may come from anybody, and a
// run writes to nothing outside of it. The folder itself may be a link.
void refuse_links(const RunFolder& folder);

// What a run cannot be gone on with or told of without.
std::vector<std::filesystem::path> files_of(const RunFolder& run);

}  // namespace swingrad

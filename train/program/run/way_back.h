// What to do where the last checkpoint of a run is gone or damaged.
#pragma once

#include "train/loop/trainer.h"
#include "train/program/run/run_folder.h"

#include <functional>
#include <string>
#include <vector>

namespace swingrad {

// Whether a run has saved anything: then it has, or had, a last checkpoint.
bool has_begun(const RunFolder& folder);

// "swingrad train --resume runs/a"
std::string command_to_resume(const RunFolder& folder, const std::string& program);

// Reads a checkpoint, or throws an Error where it is damaged or not of this run.
using LoadCheckpoint = std::function<RunState(const std::filesystem::path&)>;

// The command by which the run goes on: from the checkpoint before the last, where `load` takes it. Else what weights
// there are, and how to begin anew. Throws a FileError where a file cannot be read: then it may be as good as ever.
std::string way_back(const RunFolder& folder, const LoadCheckpoint& load, const std::string& program);

// The same where best.safetensors, the weights of so many epochs, is damaged or not the run's: these weights under
// another name, where they are kept; else how to do without.
std::string way_back_of_best(const RunFolder& folder, int64_t epoch, const std::string& program);

// "runs/a/last.safetensors has no checksum: ..."
std::string no_checksum_text(const std::filesystem::path& file);

// best, model and kept epochs that are there.
std::vector<std::filesystem::path> weights_in(const RunFolder& folder);

}  // namespace swingrad

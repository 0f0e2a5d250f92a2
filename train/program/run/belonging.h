// Which run a file is of. Two folders may hold files of the same names and shapes, and nothing else would tell them
// apart.
#pragma once

#include "train/program/run/run_folder.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace swingrad {

// What marks the files of a run: sixteen hexadecimal digits that follow from its settings, but for those that may
// change, and from `samples`, the fingerprint of what it learns from. Runs with the same mark compute the same.
std::string identity_of(nlohmann::json settings, const std::string& samples);

// Metadata for save_weights: of which run the weights are, and of which epoch. Without an identity: the epoch alone.
std::map<std::string, std::string> mark_of(const std::string& identity, int64_t epoch);

// The run that a file, weights or a checkpoint, says it is of; empty where it says none.
std::string mark_in(const std::filesystem::path& file);

// The epoch that a file of weights says it is of; none where it says none.
std::optional<int64_t> epoch_of(const std::filesystem::path& weights);

// Epochs, and batches of the next one, after which a file, weights or a checkpoint, was written, as it says; 0 where it
// says nothing.
struct PlaceOfFile {
    int64_t epoch = 0, batch = 0;
};
PlaceOfFile place_of_file(const std::filesystem::path& file);

// Throws an Error unless `file`, weights or a checkpoint, carries the mark of the run and a checksum, as all files that
// the run writes do. Where `identity` is empty, the run has no mark, and all is well. A file under a name that no run
// gives may be without a mark: somebody has put it there.
void require_of_run(const std::filesystem::path& file, const std::string& identity);

// The same for best.safetensors, and that it is of the epoch that the checkpoint names; or of a later one than the
// checkpoint, as a kill between the two leaves it, which the run comes to again.
void require_best_of(const RunFolder& folder, const std::string& identity, int64_t best_epoch, int64_t epochs_done);

}  // namespace swingrad

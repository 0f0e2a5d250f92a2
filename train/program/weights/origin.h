// Where weights come from, as --init, --weights and convert take it: a file, a run's folder, or a hub's.
#pragma once

#include "train/transfer/hub_folder.h"

#include <filesystem>
#include <optional>
#include <string>

namespace swingrad {

struct Origin {
    std::filesystem::path weights;        // as open_tensors takes it
    std::optional<ModelCard> card = {};   // where the folder says it
    std::string task = "classification";  // what a run's weights were trained for
};

// Of a run's folder: its result, or the best so far, or the last checkpoint. What a run or a hub's folder says of its
// model is read, also where a file in a run is named. Throws an Error where there is nothing of the name, what
// the folder says cannot be, or the weights are of another run than it.
Origin origin_of(const std::filesystem::path& named);

}  // namespace swingrad

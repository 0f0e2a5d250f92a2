// What lies in a folder of pictures, the same in the same order on every machine.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace swingrad {

// By name, without what operating systems leave in folders (Thumbs.db, __MACOSX, ...) and without hidden files. Throws
// an Error where there is no such folder, or it cannot be read.
std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder);

// All files below the folder, at any depth, in the order of their names: a folder's come where its own name stands.
// Links to folders are not followed. A folder that cannot be read is told to `problem`, and passed over.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                               const std::function<void(const std::string&)>& problem);

}  // namespace swingrad

// JSON files of the program's own making or the user's: settings, configurations.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>

namespace swingrad {

// Throws an Error naming the file where it cannot be read or is not JSON.
nlohmann::json read_json_file(const std::filesystem::path& path);

}  // namespace swingrad

// JSON files of the program's own making or the user's: settings, configurations.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace swingrad {

// Throws an Error naming the file where it cannot be read or is no JSON that parse_json takes.
nlohmann::json read_json_file(const std::filesystem::path& path);

// Throws an Error that begins with `name` where `text` is not JSON, holds a number that is too large for a double, or
// nests more than 64 lists and objects: printing and comparing recurse into them, and the stack has an end.
nlohmann::json parse_json(const std::string& text, const std::string& name);

}  // namespace swingrad

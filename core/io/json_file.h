// JSON files of the program's own making or the user's: settings, configurations.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace swingrad {

// Throws an Error naming the file where it cannot be read or is no JSON that parse_json takes.
nlohmann::json read_json_file(const std::filesystem::path& path);

// Throws an Error that begins with `name` where `text` is not JSON, holds a number that is too large for a double, or
// nests more than 64 lists and objects: printing and comparing recurse into them, and the stack has an end. So it does
// where an object has a key twice, for nobody knows which is meant.
nlohmann::json parse_json(const std::string& text, const std::string& name);

// Whether it is a whole number that int64_t holds. The library's own question is not that: of 2^64 - 1 it makes -1.
bool is_int64(const nlohmann::json& value);

// A value as a message shows it: on one line, of bounded length, whatever it holds.
std::string json_text(const nlohmann::json& value);

// The first text in `value` that is not UTF-8, which no JSON file can hold; null where all is well.
const std::string* not_utf8_in(const nlohmann::json& value);

}  // namespace swingrad

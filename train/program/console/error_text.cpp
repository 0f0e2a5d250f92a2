#include "train/program/console/error_text.h"

#include "core/error.h"
#include "core/io/quotes.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <new>
#include <system_error>

namespace swingrad {
namespace {

std::string plain_text_of(const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error)) return "out of memory";
    if (dynamic_cast<const std::length_error*>(&error)) return "out of memory: a list would be longer than any can be";
    if (const auto* of_file = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
        return fmt::format("[file] {}: {}", of_file->path1().string(), of_file->code().message());
    if (const auto* of_system = dynamic_cast<const std::system_error*>(&error))
        return fmt::format("[system] {}", of_system->code().message());
    if (dynamic_cast<const nlohmann::json::exception*>(&error))
        return "[json] a text is not UTF-8, or a value is missing or of another kind";
    return error.what();
}

}  // namespace

std::string text_of(const std::exception& error) { return on_one_line(plain_text_of(error)); }

}  // namespace swingrad

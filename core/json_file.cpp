#include "core/json_file.h"

#include "core/error.h"
#include "core/file.h"

namespace swingrad {

nlohmann::json read_json_file(const std::filesystem::path& path) {
    const std::string text = read_file(path);
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
        fail("[json] {} is not JSON: wrong at byte {} of {}", path.string(), error.byte, text.size());
    }
}

}  // namespace swingrad

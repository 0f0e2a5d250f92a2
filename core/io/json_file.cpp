#include "core/io/json_file.h"

#include "core/error.h"
#include "core/io/file.h"

namespace swingrad {

nlohmann::json read_json_file(const std::filesystem::path& path) {
    return parse_json(read_file(path), "[json] " + path.string());
}

nlohmann::json parse_json(const std::string& text, const std::string& name) {
    constexpr int most_levels = 64;
    using Event = nlohmann::json::parse_event_t;
    const auto check_depth = [&](int levels_around, Event event, const nlohmann::json&) {
        const bool opens = event == Event::array_start || event == Event::object_start;
        check(!opens || levels_around < most_levels, "{} nests more than {} lists and objects", name, most_levels);
        return true;
    };
    try {
        return nlohmann::json::parse(text, check_depth);
    } catch (const nlohmann::json::parse_error& error) {
        fail("{} is not JSON: wrong at byte {} of {}", name, error.byte, text.size());
    } catch (const nlohmann::json::out_of_range&) {
        fail("{} holds a number that is too large", name);
    }
}

}  // namespace swingrad

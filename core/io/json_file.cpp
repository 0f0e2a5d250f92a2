#include "core/io/json_file.h"

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/file_kind.h"
#include "core/io/quotes.h"

#include <cstdint>
#include <set>
#include <vector>

namespace swingrad {
namespace {

using nlohmann::json;

// Called with every token: looks at what the parser passes over.
class Strictness {
  public:
    explicit Strictness(const std::string& name) : name_(name) {}

    bool operator()(int levels_around, json::parse_event_t event, const json& parsed) {
        using Event = json::parse_event_t;
        constexpr int most_levels = 64;
        const bool opens = event == Event::array_start || event == Event::object_start;
        check(!opens || levels_around < most_levels, "{} nests more than {} lists and objects", name_, most_levels);
        if (event == Event::object_start) keys_.emplace_back();
        else if (event == Event::object_end) keys_.pop_back();
        else if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second)
            fail("{} has the key {} twice", name_, json_text(parsed));
        return true;
    }

  private:
    const std::string& name_;
    std::vector<std::set<std::string>> keys_;  // of the objects around
};

}  // namespace

json read_json_file(const std::filesystem::path& path) {
    const std::string text = read_file(path), name = "[json] " + path.string();
    check(!text.empty(), "{} is empty", name);
    const std::string kind = kind_of_file(std::string_view(text).substr(0, 4096));
    check(kind.empty(), "{} is {}, not JSON", name, kind);
    return parse_json(text, name);
}

json parse_json(const std::string& text, const std::string& name) {
    // The parser takes it for the end.
    const size_t nul = text.find('\0');
    check(nul == std::string::npos, "{} is not JSON: a NUL is byte {} of {}", name, nul + 1, text.size());
    try {
        return json::parse(text, Strictness(name));
    } catch (const json::parse_error& error) {
        check(error.byte <= text.size(), "{} is not JSON: it ends too early, after {} bytes", name, text.size());
        fail("{} is not JSON: wrong at byte {} of {}", name, error.byte, text.size());
    } catch (const json::out_of_range&) {
        fail("{} holds a number that is too large", name);
    }
}

bool is_int64(const json& value) {
    return value.is_number_integer() &&
           !(value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
}

std::string json_text(const json& value) {
    constexpr size_t most = 200;
    if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
    const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() > most ? text.substr(0, most) + "..." : text;
}

const std::string* not_utf8_in(const json& value) {
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        return is_utf8(text) ? nullptr : &text;
    }
    if (!value.is_structured()) return nullptr;
    for (auto one = value.begin(); one != value.end(); ++one) {
        if (value.is_object() && !is_utf8(one.key())) return &one.key();
        if (const std::string* found = not_utf8_in(*one)) return found;
    }
    return nullptr;
}

}  // namespace swingrad

#include "train/program/console/text.h"

#include "core/io/quotes.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstdint>

namespace swingrad {
namespace {

// As bash, zsh and ksh read it between $' and '.
std::string in_dollar_quotes(const std::string& text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) result += fmt::format("\\x{:02x}", byte);
        else if (c == '\'' || c == '\\') result += std::string("\\") + c;
        else result += c;
    }
    return result;
}

}  // namespace

std::string printable(const std::string& text) {
    using nlohmann::json;  // which already knows UTF-8
    auto line = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
    const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    std::replace_if(line.begin(), line.end(), control, ' ');
    return line;
}

std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : printable(text)) switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            case '\'': result += "&#39;"; break;
            default: result += c;
        }
    return result;
}

std::string shell_word(const std::string& text) {
    const auto plain = [](unsigned char c) {
        return std::isalnum(c) || std::string_view("_-./=+:,@%").find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
    // A shell has a way of its own to write what a terminal would obey.
    if (const std::string line = on_one_line(text); line != text) return "$'" + in_dollar_quotes(text) + "'";
    std::string word;
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return "'" + word + "'";
}

std::string path_word(const std::filesystem::path& path) {
    const std::string text = path.string();
    return shell_word(text.starts_with('-') ? "./" + text : text);
}

std::string without_folders(const std::string& word) {
    const size_t before = word.find_first_of(":=");
    const size_t begin = word.starts_with('/') ? 0 : before == std::string::npos ? word.size() : before + 1;
    if (begin >= word.size() || word[begin] != '/') return word;
    const size_t end = word.find_last_not_of('/');
    const size_t last = end == std::string::npos ? word.size() : word.rfind('/', end) + 1;
    return word.substr(0, begin) + (last < word.size() ? ".../" + word.substr(last, end + 1 - last) : "...");
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t count = std::min<size_t>(3, bytes.size() - i);
        uint32_t group = 0;  // 24 bits, six a digit
        for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

}  // namespace swingrad

#include "core/io/quotes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace swingrad {
namespace {

// A character at the start of a text: its number, and how many bytes it takes; no bytes where these are no UTF-8.
struct Character {
    uint32_t number = 0;
    size_t bytes = 0;
};

Character first_of(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const size_t bytes = lead >> 5 == 0x06 ? 2 : lead >> 4 == 0x0e ? 3 : lead >> 3 == 0x1e ? 4 : 0;
    if (bytes == 0 || bytes > text.size()) return {};
    uint32_t number = lead & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; ++i) {
        if (byte(i) >> 6 != 0x02) return {};
        number = number << 6 | (byte(i) & 0x3fu);
    }
    // The smallest number that needs so many bytes; halves of pairs belong to UTF-16.
    constexpr std::array<uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (number < least[bytes] || number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) return {};
    return {number, bytes};
}

// Control characters, ends of lines, and what turns the direction of letters or has no width.
bool is_obeyed(uint32_t number) {
    constexpr std::array<std::pair<uint32_t, uint32_t>, 7> ranges{{{0x00, 0x1f},
                                                                   {0x7f, 0x9f},
                                                                   {0x061c, 0x061c},
                                                                   {0x200b, 0x200f},
                                                                   {0x2028, 0x202e},
                                                                   {0x2060, 0x2069},
                                                                   {0xfeff, 0xfeff}}};
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const auto& range) { return number >= range.first && number <= range.second; });
}

std::string escape_of(uint32_t number) {
    switch (number) {
        case '\n': return "\\n";
        case '\r': return "\\r";
        case '\t': return "\\t";
        default: return number < 0x80 ? fmt::format("\\x{:02x}", number) : fmt::format("\\u{:04x}", number);
    }
}

// Characters of `special` get a backslash.
std::string escaped_on_one_line(std::string_view text, std::string_view special) {
    std::string line;
    while (!text.empty()) {
        const Character next = first_of(text);
        if (next.bytes == 0) line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
        else if (is_obeyed(next.number)) line += escape_of(next.number);
        else {
            if (next.bytes == 1 && special.find(text[0]) != std::string_view::npos) line += '\\';
            line += text.substr(0, next.bytes);
        }
        text.remove_prefix(std::max<size_t>(next.bytes, 1));
    }
    return line;
}

}  // namespace

std::string on_one_line(std::string_view text) { return escaped_on_one_line(text, ""); }

std::string in_quotes(std::string_view text) {
    constexpr size_t most = 100;
    size_t end = std::min(text.size(), most);
    // Not in the middle of a character.
    while (end < text.size() && end > most - 4 && static_cast<unsigned char>(text[end]) >> 6 == 0x02) --end;
    return fmt::format("\"{}{}\"", escaped_on_one_line(text.substr(0, end), "\"\\"), end < text.size() ? "..." : "");
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const Character next = first_of(text);
        if (next.bytes == 0) return false;
        text.remove_prefix(next.bytes);
    }
    return true;
}

size_t columns_of(std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >> 6 != 0x02; }));
}

}  // namespace swingrad

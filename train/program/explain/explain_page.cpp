#include "train/program/explain/explain_page.h"

#include "core/error.h"
#include "core/io/text.h"
#include "train/program/report/page.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace swingrad {
namespace {

struct PagePart {
    std::string_view name, text;
};
constexpr PagePart page_parts[] = {
#include "explain_parts.inc"  // written by CMake: {"data.js", R"part(...)part"}, all files of page/ in order
};

// All files of one kind, one after the other.
std::string parts_ending(std::string_view extension) {
    std::string text;
    for (const PagePart& part : page_parts)
        if (part.name.ends_with(extension)) text += part.text;
    return text;
}

// As a script element may hold it: nothing in it can end the element.
std::string json_in_script(const nlohmann::json& data) {
    std::string text;
    for (const char c : data.dump()) c == '<' ? text += "\\u003c" : text += c;
    return text;
}

// Of one head of a block: its shares and the largest of each row, in base64 (train/program/explain/bytes.h).
size_t bytes_of_head(const BlockAttention& block) {
    constexpr int64_t names = 40;
    const int64_t rows = block.map->windows * block.map->tokens;
    return static_cast<size_t>((rows * block.map->tokens + 2) / 3 * 4 + (2 * rows + 2) / 3 * 4 + names);
}

}  // namespace

std::vector<int64_t> heads_within(std::vector<int64_t> heads, const std::vector<size_t>& bytes, size_t budget) {
    const auto takes = [&](size_t block) { return static_cast<size_t>(heads[block]) * bytes[block]; };
    size_t all = 0;
    for (size_t i = 0; i < heads.size(); ++i) all += takes(i);
    for (const int64_t least : {1, 0})
        while (all > budget) {
            size_t largest = heads.size();
            for (size_t i = 0; i < heads.size(); ++i)
                if (heads[i] > least && (largest == heads.size() || takes(i) > takes(largest))) largest = i;
            if (largest == heads.size()) break;
            --heads[largest], all -= bytes[largest];
        }
    return heads;
}

Room room_within(const Explained& seen, size_t most) {
    constexpr size_t for_sentences = 8000;  // about what is left out
    struct Level {
        int64_t channels;
        bool gradient_maps;
    };
    constexpr std::array levels{Level{16, true}, Level{4, true}, Level{0, true}, Level{0, false}};
    std::vector<size_t> bytes;
    for (const BlockAttention& block : seen.attention) bytes.push_back(bytes_of_head(block));
    const size_t one_head_each = std::accumulate(bytes.begin(), bytes.end(), size_t{0});
    Room room = whole_room(seen);
    const std::vector<int64_t> all_heads = room.heads;
    size_t bare = 0;
    for (const auto& [channels, gradient_maps] : levels) {
        room = {channels, gradient_maps, std::vector<int64_t>(all_heads.size(), 0)};
        bare = explain_page(explanation_of(seen, room)).size() + for_sentences;
        if (bare + one_head_each <= most) break;
    }
    check(bare <= most, "[explain] the page would take {} without any attention, at most {} are possible",
          bytes_text(bare), bytes_text(most));
    room.heads = heads_within(all_heads, bytes, most - bare);
    return room;
}

std::string explain_page(const nlohmann::json& explanation) {
    const std::string main = "<style>" + parts_ending(".css") + "</style>\n" + parts_ending(".html") +
                             "<script type=\"application/json\" id=\"data\">" + json_in_script(explanation) +
                             "</script>\n<script>\n\"use strict\";\n" + parts_ending(".js") + "</script>\n";
    const auto text = [&](const nlohmann::json& of) { return of.get<std::string>(); };
    return html_page(text(explanation.at("picture").at("name")) + " through " + text(explanation.at("run")),
                     text(explanation.at("model")), main,
                     "Made by swingrad. Shares, maps and biases are kept in 8 bits, as is said above.");
}

}  // namespace swingrad

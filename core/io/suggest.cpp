#include "core/io/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace swingrad {
namespace {

std::string plain(std::string_view word) {
    std::string result(word.substr(std::min(word.find_first_not_of('-'), word.size())));
    for (char& c : result) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

constexpr size_t shortest_beginning = 3;  // what begins a known word by chance is shorter

}  // namespace

// d[i][j] = distance of the first i letters of a and the first j of b; the last edit was one of four.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i)
        for (size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            const size_t replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    const std::string wanted = plain(word);
    std::string found, begun;
    size_t beginnings = 0, best = std::max<size_t>(wanted.size() / 3, 1) + 1;
    for (const std::string& one : known) {
        const std::string candidate = plain(one);
        if (wanted.size() >= shortest_beginning && candidate.starts_with(wanted)) begun = one, ++beginnings;
        const size_t distance = edit_distance(wanted, candidate);
        if (distance >= best || distance >= candidate.size()) continue;  // not so much as a letter in common
        best = distance;
        found = one;
    }
    return found.empty() && beginnings == 1 ? begun : found;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    const std::string near = nearest(word, known);
    if (!near.empty() && known.size() > 1) return fmt::format("did you mean {}?", near);
    return fmt::format("expected one of {}", fmt::join(known, ", "));
}

}  // namespace swingrad

#include "train/program/report/result_table.h"

#include "core/error.h"
#include "core/io/quotes.h"
#include "train/program/console/text.h"
#include "train/program/report/page.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

namespace swingrad {
namespace {

void check_rows(const ResultTable& table) {
    for (const auto& row : table.rows)
        check(row.size() == table.columns.size(), "[experiment] {}: a row has {} texts, expected {}", table.title,
              row.size(), table.columns.size());
}

std::string line_of(const std::vector<std::string>& texts, const std::vector<size_t>& widths) {
    std::string line = fmt::format("{:<{}}", texts[0], widths[0]);
    for (size_t i = 1; i < texts.size(); ++i) line += fmt::format("  {:>{}}", texts[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

std::string html_row(const std::vector<std::string>& texts, const char* begin, const char* end) {
    std::string html = "<tr>";
    for (const std::string& text : texts) html += begin + escaped(text) + end;
    return html + "</tr>\n";
}

}  // namespace

std::string wrapped(const std::string& text) {
    constexpr size_t columns = 110;
    std::istringstream words(on_one_line(text));
    std::string lines, line;
    for (std::string word; words >> word;) {
        if (!line.empty() && line.size() + 1 + word.size() > columns) lines += std::exchange(line, "") + "\n";
        line += (line.empty() ? "" : " ") + word;
    }
    return lines + line;
}

std::string text_of(const ResultTable& table) {
    check_rows(table);
    std::vector<size_t> widths;
    for (size_t i = 0; i < table.columns.size(); ++i) {
        widths.push_back(table.columns[i].size());
        for (const auto& row : table.rows) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text = table.title + "\n" + line_of(table.columns, widths);
    for (const auto& row : table.rows) text += line_of(row, widths);
    return text + (table.note.empty() ? "" : wrapped(table.note) + "\n");
}

std::string html_of(const ResultTable& table) {
    check_rows(table);
    std::string html =
        "<table>\n<thead>" + html_row(table.columns, "<th scope=\"col\">", "</th>") + "</thead>\n<tbody>\n";
    for (const auto& row : table.rows) html += html_row(row, "<td>", "</td>");
    return "<h2>" + escaped(table.title) + "</h2>\n" +
           html_scrolling(table.title, html + "</tbody></table>", table.columns.size()) +
           (table.note.empty() ? "" : "<p>" + escaped(table.note) + "</p>\n");
}

double error_of_difference(const Spread& a, const Spread& b) {
    return std::sqrt(a.deviation * a.deviation / static_cast<double>(a.seeds) +
                     b.deviation * b.deviation / static_cast<double>(b.seeds));
}

std::string difference_text(const std::string& what, const Spread& before, const Spread& after,
                            const std::string& unit) {
    const double difference = after.mean - before.mean;
    const std::string text = fmt::format("{}: {:+.2f} {}", what, difference, unit);
    if (before.seeds < 2 || after.seeds < 2)
        return text + "; a single seed does not say whether that is more than chance.";
    const double error = error_of_difference(before, after);
    const bool clear = std::abs(difference) > 2 * error;
    return text + fmt::format(", {} twice the standard error of {:.2f}: {}.", clear ? "more than" : "not more than",
                              error, clear ? "a difference" : "none that these seeds can show");
}

Spread spread_of(const std::vector<double>& values) {
    std::vector<double> finite;
    std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
    const auto n = static_cast<double>(finite.size());
    if (finite.empty()) return {std::numeric_limits<double>::quiet_NaN(), 0, 0};
    const double mean = std::accumulate(finite.begin(), finite.end(), 0.0) / n;
    double squares = 0;
    for (const double value : finite) squares += (value - mean) * (value - mean);
    return {mean, finite.size() > 1 ? std::sqrt(squares / (n - 1)) : 0, finite.size()};
}

std::string text_of(const Spread& spread, int places) {
    if (spread.seeds == 0) return "-";
    if (spread.seeds == 1) return fmt::format("{:.{}f}", spread.mean, places);
    return fmt::format("{:.{}f} +- {:.{}f}", spread.mean, places, spread.deviation, places);
}

}  // namespace swingrad

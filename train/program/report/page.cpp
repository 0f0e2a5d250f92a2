#include "train/program/report/page.h"

#include "core/io/file.h"
#include "train/program/console/interrupt.h"
#include "train/program/console/text.h"
#include "train/program/report/page_style.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

// "Loss by epoch: training from 2.3 to 0.41, validation from 2.2 to 0.5": what one sees, for those who do not.
std::string alternative(const Figure& figure) {
    const auto number = [](double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "not finite"; };
    std::string text = figure.title;
    if (figure.maps.empty()) text += " by " + figure.x_label;
    const char* separator = ": ";
    for (const HeatMap& one : figure.maps) {
        if (one.photograph || one.values.empty()) continue;
        const auto [least, most] = std::minmax_element(one.values.begin(), one.values.end());
        text += fmt::format("{}{} from {} to {}", separator, one.title, number(*least), number(*most));
        separator = ", ";
    }
    for (const Series& one : figure.series) {
        if (one.y.empty()) continue;
        text += fmt::format("{}{}from {} to {}", separator, figure.series.size() > 1 ? one.name + " " : "",
                            number(one.y.front()), number(one.y.back()));
        separator = ", ";
    }
    return text;
}

// The text of a value in JSON: of a text without its quotes.
std::string shown(const nlohmann::json& value) {
    return without_folders(value.is_string() ? value.get<std::string>() : value.dump());
}

}  // namespace

std::string html_page(const std::string& title, const std::string& subtitle, const std::string& main,
                      const std::string& footer) {
    const std::string name = escaped(title);
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<title>" +
           name + " - swingrad</title>\n<style>" + page_style + "</style>\n</head>\n<body>\n<header>\n<h1>" + name +
           "</h1>\n<p>" + escaped(subtitle) + "</p>\n</header>\n<main>\n" + main + "</main>\n<footer>" + footer +
           "</footer>\n</body>\n</html>\n";
}

std::string html_tile(const std::string& term, const std::string& value, const std::string& note) {
    const std::string small = note.empty() ? "" : "<small>" + escaped(note) + "</small>";
    return fmt::format("<div><dt>{}</dt><dd>{}{}</dd></div>\n", escaped(term), escaped(value), small);
}

std::string html_of_object(const nlohmann::json& object) {
    std::string html = "<table class=\"texts\"><tbody>\n";
    for (const auto& [name, value] : object.items())
        html += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(shown(value)));
    return html + "</tbody></table>\n";
}

std::string html_scrolling(const std::string& label, const std::string& table, size_t columns) {
    constexpr size_t fit_a_phone = 6;
    return fmt::format("{}<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{}</div>\n",
                       columns > fit_a_phone ? "<p class=\"scrolls\">The table scrolls sideways &harr;</p>\n" : "",
                       escaped(label), table);
}

DrawnFigures draw_figures(std::vector<NamedFigure> named, const std::filesystem::path& folder) {
    DrawnFigures drawn;
    if (named.empty()) return drawn;
    try {
        std::vector<Figure> figures;
        for (const NamedFigure& one : named) figures.push_back(one.figure);
        const std::vector<std::string> pictures = svgs_of(figures);
        if (!folder.empty()) make_folder(folder);
        for (size_t i = 0; i < named.size(); ++i) {
            if (!folder.empty()) write_file_atomically(folder / named[i].file, pictures[i]);
            drawn.figures.emplace_back(std::move(named[i]), pictures[i]);
        }
    } catch (const NotInstalled&) {
        drawn.gnuplot = false;
        drawn.problem = "No figures: gnuplot is not installed (apt-get install gnuplot-nox)";
    } catch (const EndedBySignal&) {
        throw;
    } catch (const Error& error) {
        drawn.problem = fmt::format("No figures: {}", error.what());
    }
    return drawn;
}

std::string html_of(const DrawnFigures& drawn) {
    if (!drawn.problem.empty())
        return fmt::format("<p>No figures: {}. The numbers are in the table below.</p>\n",
                           drawn.gnuplot ? "they could not be drawn or written" : "gnuplot is not installed");
    std::string html = "<div class=\"figures\">\n";
    for (const auto& [named, svg] : drawn.figures)
        html += fmt::format("<figure><img alt=\"{}\" src=\"data:image/svg+xml;base64,{}\"></figure>\n",
                            escaped(alternative(named.figure)), base64(svg));
    return html + "</div>\n";
}

}  // namespace swingrad

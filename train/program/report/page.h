// What the program's pages share, a run's report and an experiment's: one file that needs no other, on a desk or a
// phone, light or dark.
#pragma once

#include "train/program/report/plot.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// The whole document. `title` and `subtitle` are text; `main` and `footer` are HTML.
std::string html_page(const std::string& title, const std::string& subtitle, const std::string& main,
                      const std::string& footer);

// A number that counts, for a <dl class="headline">; all three are text.
std::string html_tile(const std::string& term, const std::string& value, const std::string& note = "");

// Names and values of an object as a table; folders of the machine are cut out of the values.
std::string html_of_object(const nlohmann::json& object);

// A table's HTML within a frame that scrolls where a phone is too narrow for it. Phones show no scroll bar, so a table
// of many columns says so there.
std::string html_scrolling(const std::string& label, const std::string& table, size_t columns);

// Figures as far as they could be drawn.
struct DrawnFigures {
    std::vector<std::pair<NamedFigure, std::string>> figures;  // with their SVG
    std::string problem;  // why there are none, in a line that may name folders and so is not for the page
    bool gnuplot = true;  // whether there is one
};

// Draws all by one call of gnuplot and writes each into `folder`, which is made; empty: into none. What goes wrong is
// kept in `problem`.
DrawnFigures draw_figures(std::vector<NamedFigure> figures, const std::filesystem::path& folder);
// The pictures, with what one sees in them as text, or a sentence that says why there are none.
std::string html_of(const DrawnFigures& drawn);

}  // namespace swingrad

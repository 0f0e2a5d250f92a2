// Heat maps: a picture of one pixel a cell, which the viewer enlarges. Panels are placed by hand, in pixels, so that
// cells are square whatever stands around them.

#include "train/program/console/text.h"
#include "train/program/report/plot_script.h"

#include "core/error.h"

#include <cmath>

namespace swingrad {
namespace {

constexpr int gap = 8, heading = 36, caption = 20, legend = 66;  // pixels: between panels, above all, above each, below

struct Panel {  // pixels from the picture's top left
    int left, top, width, height;
};

// gnuplot draws no picture of a single row or column.
int64_t rows_of(const HeatMap& map) {
    const int64_t numbers = std::ssize(map.values), row = map.columns * (map.photograph ? 3 : 1);
    check(map.columns >= 2 && numbers >= 2 * row && numbers % row == 0,
          "[plot] {}: {} numbers are no two or more whole rows of {}", map.title, numbers, row);
    return numbers / row;
}

// "column row value" or "column row red green blue" a line.
std::string data_of(const HeatMap& map) {
    std::string lines;
    const size_t numbers = map.photograph ? 3 : 1;
    for (size_t cell = 0; cell * numbers < map.values.size(); ++cell) {
        const auto at = static_cast<int64_t>(cell);
        lines += fmt::format("{} {}", at % map.columns, at / map.columns);
        for (size_t i = 0; i < numbers; ++i) {
            const double value = map.values[cell * numbers + i];
            lines += std::abs(value) <= largest_drawn ? fmt::format(" {:.6g}", value) : " NaN";
        }
        lines += "\n";
    }
    return lines;
}

std::string panel_script(const HeatMap& map, size_t number, const Panel& panel, int height) {
    const auto across = [](int pixels) { return static_cast<double>(pixels) / figure_width; };
    const auto up = [&](int pixels) { return 1 - static_cast<double>(pixels) / height; };
    std::string text = fmt::format(
        "set lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\nset bmargin at screen {}\n"
        "set title {} offset 0,-0.8 font ',11'\nplot [-0.5:{}][{}:-0.5] $m{} using {} notitle",
        across(panel.left), across(panel.left + panel.width), up(panel.top), up(panel.top + panel.height),
        quoted(map.title), static_cast<double>(map.columns) - 0.5, static_cast<double>(rows_of(map)) - 0.5, number,
        map.photograph ? "1:2:3:4:5 with rgbimage" : "1:2:3 with image");
    if (map.marked >= 0)
        text += fmt::format(
            ", '+' using ({}):({}) every ::0::0 with points pointtype 6 pointsize 0.8 linewidth 2 "
            "linecolor rgb '#d55e00' notitle",
            map.marked % map.columns, map.marked / map.columns);
    return text + "\n";
}

}  // namespace

std::string heat_maps_script(const Figure& figure) {
    const auto across = static_cast<int>(std::clamp<int64_t>(figure.maps_across, 1, std::ssize(figure.maps)));
    const int width = figure_width / across - gap;
    Range values;
    std::string data;
    int top = heading, row_height = 0;
    size_t scale_with = 0;  // the last panel of numbers, with which their scale is drawn
    std::vector<Panel> panels;
    for (size_t i = 0; i < figure.maps.size(); ++i) {
        const HeatMap& map = figure.maps[i];
        const auto height = static_cast<int>(width * rows_of(map) / map.columns);
        const int column = static_cast<int>(i) % across;
        if (column == 0 && i > 0) top += row_height, row_height = 0;
        panels.push_back({column * (width + gap) + gap / 2, top + caption, width, height});
        row_height = std::max(row_height, caption + height);
        data += fmt::format("$m{} << end\n{}end\n", i, data_of(map));
        if (map.photograph) continue;
        scale_with = i;
        for (const double value : map.values)
            if (std::abs(value) <= largest_drawn) values.include(value);
    }
    check(values.low <= values.high, "[plot] {}: no number to draw", figure.title);
    if (values.low == values.high) values.high += std::max(1.0, std::abs(values.high));
    const int bottom = top + row_height, height = bottom + legend;
    std::string script = terminal_script(height) + data +
                         fmt::format(
                             "set multiplot title {}\n"
                             "set palette defined (0 '#ffffff', 0.35 '#9ecae1', 0.7 '#0072b2', 1 '#08203e')\n"
                             "set cbrange [{}:{}]\nset format cb '%g'\nunset colorbox\nunset xtics\nunset ytics\n"
                             "set border 15 linecolor rgb '#999999'\nset samples 2\n",
                             quoted(figure.title), values.low, values.high);
    for (size_t i = 0; i < panels.size(); ++i) {
        if (i == scale_with)
            script += fmt::format(
                "set colorbox horizontal user origin 0.15,{} size 0.7,{}\nset cblabel {} offset 0,1 font ',11'\n"
                "set cbtics font ',11' offset 0,0.5\n",
                1 - static_cast<double>(bottom + 22) / height, 10.0 / height, quoted(figure.y_label));
        script += panel_script(figure.maps[i], i, panels[i], height);
    }
    return script + "unset multiplot\n";
}

std::string with_sharp_cells(std::string svg) {
    constexpr std::string_view begin = "<image ", style = "style='image-rendering:pixelated' ";
    for (size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + begin.size()))
        svg.insert(at + begin.size(), style);
    return svg;
}

}  // namespace swingrad

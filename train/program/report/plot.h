// Curves, and numbers as colours, as SVG files drawn by gnuplot.
//
//   draw({.title = "Loss", .x_label = "epoch", .series = {{"training", epochs, losses}}}, "loss.svg");
#pragma once

#include "train/program/report/process.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

// One curve. A point with a coordinate that is not finite, or larger than 1e270, is left out, and the line is broken
// there.
struct Series {
    std::string name;  // in the legend, which is drawn where there is more than one series
    std::vector<double> x, y;
    std::vector<double> spread{};  // drawn as a bar from y - spread to y + spread; empty: none
};

// Numbers of a grid, a colour each. What is not finite, or larger than 1e270, stays white.
struct HeatMap {
    std::string title{};
    int64_t columns = 0;           // of the grid
    std::vector<double> values{};  // row by row, the topmost first
    int64_t marked = -1;           // the cell with a ring around it; -1: none
    bool photograph = false;       // values are red, green and blue of each cell, 0 to 255
};

// Curves over each other, or heat maps beside each other. Texts are taken as they are: UTF-8, one line, no markup.
struct Figure {
    std::string title{}, x_label{}, y_label{};  // of heat maps y_label says what a colour means
    std::vector<Series> series{};
    bool log_y = false;                  // values below 1e-270 are then left out
    bool integer_x = false;              // ticks at whole numbers only: epochs, steps
    bool from_zero = false;              // the axis of y begins at 0, unless it is logarithmic
    std::vector<std::string> x_names{};  // what stands at x = 1, 2, ... in the place of numbers; empty: numbers
    std::vector<HeatMap> maps{};         // in the place of series, all on one scale of colours
    int64_t maps_across = 4;             // how many stand beside each other
};

// Whether the figure's axes can show this point.
bool drawable(const Figure& figure, double x, double y);

struct NamedFigure {
    std::string file;  // "loss.svg"
    Figure figure;
};

// The figure as SVG, on white, with a view box of 480 x 300 (more below where the legend is long; heat maps take what
// they need). Throws NotInstalled where gnuplot is missing, and an Error where x and y differ in length, a grid has no
// whole rows, or nothing can be drawn.
std::string svg_of(const Figure& figure);
// Several by one call of gnuplot, most of whose time is its start.
std::vector<std::string> svgs_of(const std::vector<Figure>& figures);

// The same into a file, replaced in one move; the folder must exist.
void draw(const Figure& figure, const std::filesystem::path& svg);

}  // namespace swingrad

// Curves as SVG files, drawn by gnuplot.
//
//   draw({.title = "Loss", .x_label = "epoch", .series = {{"training", epochs, losses}}}, "loss.svg");
#pragma once

#include "train/report/process.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

// One curve. A point with a coordinate that is not finite is left out, and the line is broken there.
struct Series {
    std::string name;  // in the legend, which is drawn where there is more than one series
    std::vector<double> x, y;
};

// Curves over each other. Texts are taken as they are: UTF-8, one line, no markup.
struct Figure {
    std::string title{}, x_label{}, y_label{};
    std::vector<Series> series{};
    bool log_y = false;      // values of 0 or less are then left out
    bool integer_x = false;  // ticks at whole numbers only: epochs, steps
};

struct NamedFigure {
    std::string file;  // "loss.svg"
    Figure figure;
};

// The figure as SVG, on white, with a view box of 480 x 300 (more below where the legend is long). Throws NotInstalled
// where gnuplot is missing, and an Error where x and y differ in length, or no point can be drawn.
std::string svg_of(const Figure& figure);
// Several by one call of gnuplot, most of whose time is its start.
std::vector<std::string> svgs_of(const std::vector<Figure>& figures);

// The same into a file, replaced in one move; the folder must exist.
void draw(const Figure& figure, const std::filesystem::path& svg);

}  // namespace swingrad

// What the two kinds of figures share: pieces of the script that gnuplot is given.
#pragma once

#include "train/program/report/plot.h"

#include <algorithm>
#include <limits>

namespace swingrad {

constexpr int figure_width = 480;

// A number beyond these is left out: with the margins of its axis it would be infinite, or 0.
constexpr double largest_drawn = 1e270, smallest_drawn = 1e-270;

struct Range {
    double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
    void include(double value) { low = std::min(low, value), high = std::max(high, value); }
};

// A text as gnuplot reads it: in single quotes nothing is special but the quote.
std::string quoted(const std::string& text);
// Where the picture goes, and how high it is.
std::string terminal_script(int height);

// All of a figure with heat maps, and what their pictures still need: cells with edges, not blurred into each other.
std::string heat_maps_script(const Figure& figure);
std::string with_sharp_cells(std::string svg);

}  // namespace swingrad

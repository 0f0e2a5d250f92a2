// The script goes to gnuplot's standard input, data and all, and the picture comes from its standard output, so there
// are no temporary files, and no path or name is ever read by gnuplot or a shell.

#include "train/program/report/plot.h"

#include "core/io/file.h"
#include "train/program/console/text.h"
#include "train/program/report/plot_script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace swingrad {
namespace {

// Okabe and Ito's colours, told apart by the colour-blind too; two are left out as too pale for lines.
constexpr std::array colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
constexpr int height = 300, legend_line = 20;
constexpr size_t most_markers = 60;  // beyond so many points, a line alone is clearer
constexpr double most_ticks = 8;

// At least so wide that a double tells its ticks apart: gnuplot counts from one to the next.
Range widened(Range r) {
    const double least = 1e-9 * std::max(std::abs(r.low), std::abs(r.high));
    if (r.high - r.low >= least) return r;
    return {r.low - least / 2, r.high + least / 2};
}

// A step of 1, 2 or 5 times a power of ten that cuts `span` into at most `most` parts.
double tick_step(double span, double most) {
    const double power = std::pow(10, std::floor(std::log10(span / most)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (span / (factor * power) <= most) return factor * power;
    return 10 * power;
}

// A tick's label is a format to gnuplot: a % is written as two.
std::string as_label(std::string text) {
    for (size_t at = 0; (at = text.find('%', at)) != std::string::npos; at += 2) text.insert(at, 1, '%');
    return text;
}

std::string x_axis(const Figure& figure, Range x) {
    const bool named = !figure.x_names.empty();
    if (x.low == x.high || named) x = {x.low - 0.5, x.high + 0.5};
    x = widened(x);
    std::string text = fmt::format("set xrange [{}:{}]\n", x.low, x.high), names;
    size_t letters = 0;
    for (size_t i = 0; i < figure.x_names.size(); ++i) {
        letters += figure.x_names[i].size();
        names += fmt::format("{}{} {}", i ? ", " : "", quoted(as_label(figure.x_names[i])), i + 1);
    }
    if (named) return text + fmt::format("set xtics ({}){}\n", names, letters > 40 ? " rotate by 25 right" : "");
    if (figure.integer_x) text += fmt::format("set xtics {}\n", std::max(1.0, tick_step(x.high - x.low, most_ticks)));
    return text;
}

// On a logarithmic axis gnuplot labels powers of ten only, which for a loss between 0.3 and 2.5 is a single one.
std::string log_axis(Range y) {
    const double decades = std::log10(y.high) - std::log10(y.low), margin = std::pow(10, 0.05 * decades + 0.05);
    y = {y.low / margin, y.high * margin};
    std::string ticks;
    const auto stride = std::max(1.0, std::ceil(decades / most_ticks));
    const std::vector<double> factors = decades > 3     ? std::vector{1.0}
                                        : decades > 0.7 ? std::vector{1.0, 2.0, 5.0}
                                                        : std::vector{1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0};
    for (double power = std::floor(std::log10(y.low)); power <= std::log10(y.high); power += stride)
        for (const double factor : factors) {
            const double tick = factor * std::pow(10, power);
            if (tick >= y.low && tick <= y.high) ticks += fmt::format("{}{:.6g}", ticks.empty() ? "" : ", ", tick);
        }
    const std::string labels = ticks.empty() ? "" : fmt::format("set ytics ({})\n", ticks);
    return fmt::format("set logscale y\nset yrange [{}:{}]\n{}", y.low, y.high, labels);
}

std::string y_axis(const Figure& figure, const Range& y) {
    if (figure.log_y) return log_axis(y);
    const double margin = y.high > y.low ? 0.05 * (y.high - y.low) : (y.low == 0 ? 0.5 : 0.5 * std::abs(y.low));
    const Range shown = widened({figure.from_zero ? std::min(0.0, y.low) : y.low - margin, y.high + margin});
    return fmt::format("set yrange [{}:{}]\nset ytics {}\n", shown.low, shown.high,
                       tick_step(shown.high - shown.low, most_ticks));
}

// Bars of a series' spread, of the curve's own colour.
std::string bars_of(const Figure& figure, size_t i, Range& y) {
    const Series& one = figure.series[i];
    if (one.spread.empty()) return "";
    check(one.spread.size() == one.y.size(), "[plot] {} has {} values of y and {} spreads", one.name, one.y.size(),
          one.spread.size());
    for (size_t k = 0; k < one.y.size(); ++k)
        for (const double end : {one.y[k] - one.spread[k], one.y[k] + one.spread[k]})
            if (drawable(figure, one.x[k], end)) y.include(end);
    return fmt::format(", $s{} using 1:($2-$3):(0):(2*$3) with vectors nohead linewidth 1 linecolor rgb '{}' notitle",
                       i, colours[i % colours.size()]);
}

// How many lines the names take below the axes.
int legend_lines(const Figure& figure) {
    constexpr size_t letters = 44, sample = 8;  // to a line of the picture; taken by a piece of the curve
    if (figure.series.size() < 2) return 0;
    size_t longest = 0;
    for (const Series& one : figure.series) longest = std::max(longest, one.name.size());
    const size_t columns = std::clamp<size_t>(letters / (longest + sample), 1, figure.series.size());
    return static_cast<int>((figure.series.size() + columns - 1) / columns);
}

std::string curves_script(const Figure& figure) {
    Range x, y;
    std::string data, plots;
    for (size_t i = 0; i < figure.series.size(); ++i) {
        const Series& one = figure.series[i];
        check(one.x.size() == one.y.size(), "[plot] {}: {} has {} values of x and {} of y", figure.title, one.name,
              one.x.size(), one.y.size());
        data += fmt::format("$s{} << end\n", i);
        for (size_t k = 0; k < one.x.size(); ++k) {
            const bool drawn = drawable(figure, one.x[k], one.y[k]);
            const double spread = k < one.spread.size() && one.spread[k] <= largest_drawn ? one.spread[k] : 0;
            data += drawn ? fmt::format("{} {} {}\n", one.x[k], one.y[k], spread) : "\n";  // empty: breaks the curve
            if (drawn) x.include(one.x[k]), y.include(one.y[k]);
        }
        // A curve of which nothing can be drawn keeps its place in the legend.
        data += "NaN NaN NaN\nend\n";
        plots += fmt::format("{}$s{} using 1:2 with {} linewidth 2 pointtype 7 pointsize 0.4 linecolor rgb '{}' {}",
                             i ? ", " : "plot ", i, one.x.size() <= most_markers ? "linespoints" : "lines",
                             colours[i % colours.size()],
                             figure.series.size() > 1 ? "title " + quoted(one.name) : "notitle") +
                 bars_of(figure, i, y);
    }
    check(x.low <= x.high, "[plot] {}: no point to draw", figure.title);
    const int lines = legend_lines(figure);
    return terminal_script(height + std::max(0, lines - 1) * legend_line) +
           fmt::format(
               "set border 3 linecolor rgb '#333333'\n"
               "set tics nomirror textcolor rgb '#333333'\n"
               "set format '%g'\n"
               "set grid ytics linetype 1 linecolor rgb '#dddddd' linewidth 1\n"
               "set key below center horizontal Left reverse maxrows {} samplen 2\n"
               "set title {}\nset xlabel {} offset 0,0.3\nset ylabel {}\n",
               std::max(1, lines), quoted(figure.title), quoted(figure.x_label),
               quoted(figure.log_y ? figure.y_label + " (log scale)" : figure.y_label)) +
           x_axis(figure, x) + y_axis(figure, y) + data + plots + "\n";
}

}  // namespace

bool drawable(const Figure& figure, double x, double y) {
    return std::abs(x) <= largest_drawn && std::abs(y) <= largest_drawn && (!figure.log_y || y >= smallest_drawn);
}

// As gnuplot reads it: in single quotes nothing is special but the quote.
std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : printable(text)) result += c == '\'' ? "''" : std::string(1, c);
    return result + "'";
}

std::string terminal_script(int height) {
    return fmt::format(
        "set encoding utf8\n"
        "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,14' background '#ffffff'\n",
        figure_width, height);
}

std::vector<std::string> svgs_of(const std::vector<Figure>& figures) {
    std::string script, output;
    for (const Figure& figure : figures)
        script += (figure.maps.empty() ? curves_script(figure) : heat_maps_script(figure)) + "reset\n";
    try {
        output = output_of({"gnuplot", "-d", "-"}, script);  // -d: as it comes, without the user's own settings
    } catch (const NotInstalled&) {
        throw NotInstalled("[plot] gnuplot is not installed; for figures: apt-get install gnuplot-nox");
    }
    // One document after the other. What stands in a text has its < escaped, so this begins nothing else.
    constexpr std::string_view prolog = "<?xml";
    std::vector<std::string> pictures;
    for (size_t begin = output.find(prolog); begin != std::string::npos;) {
        const size_t end = output.find(prolog, begin + 1);
        pictures.push_back(with_sharp_cells(output.substr(begin, end - begin)));
        begin = end;
    }
    check(pictures.size() == figures.size(), "[plot] gnuplot drew {} of {} figures", pictures.size(), figures.size());
    return pictures;
}

std::string svg_of(const Figure& figure) { return svgs_of({figure}).front(); }

void draw(const Figure& figure, const std::filesystem::path& svg) { write_file_atomically(svg, svg_of(figure)); }

}  // namespace swingrad

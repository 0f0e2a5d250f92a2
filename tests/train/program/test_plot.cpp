// Figures, and the running of gnuplot behind them. The tests that draw pass over themselves where it is not installed.

#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/console/interrupt.h"
#include "train/program/report/curves.h"

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

bool gnuplot_missing() {
    try {
        output_of({"gnuplot", "--version"}, "");
        return false;
    } catch (const NotInstalled&) {
        WARN("gnuplot is not installed");
        return true;
    }
}

// The programs to be found are those of one folder, for a while.
class Path {
  public:
    explicit Path(const std::string& folder) : before_(std::getenv("PATH")) { setenv("PATH", folder.c_str(), 1); }
    ~Path() { setenv("PATH", before_.c_str(), 1); }

  private:
    std::string before_;
};

LogTable log_of(const std::vector<nlohmann::json>& epochs) { return {epochs, nullptr}; }

}  // namespace

TEST_CASE("a program gets its input and its arguments as they are, and its output comes back whole") {
    const std::string zeros("a\0b\n$HOME `x` 'y'", 17), large(3 << 20, 'x');
    REQUIRE(output_of({"cat"}, zeros) == zeros);
    REQUIRE(output_of({"cat"}, large) == large);
    REQUIRE(output_of({"printf", "%s|", "$HOME", "a b", "'"}, "") == "$HOME|a b|'|");
    REQUIRE(output_of({"true"}, large).empty());  // which reads none of it
}

TEST_CASE("a program that is missing or fails is an error") {
    REQUIRE_THROWS_AS(output_of({"no-such-program"}, ""), NotInstalled);
    REQUIRE(error_of([] { output_of({"no-such-program"}, ""); }) == "[process] no-such-program is not installed");
    REQUIRE(error_of([] { output_of({"sh"}, "echo said >&2; echo more >&2; exit 3"); }) ==
            "[process] sh failed with 3: said");
    REQUIRE(error_of([] { output_of({"sh"}, "kill -9 $$"); }) == "[process] sh was ended by signal 9");
}

TEST_CASE("a program that does not end, or says too much, is ended with all it started") {
    const auto start = std::chrono::steady_clock::now();
    const TemporaryDirectory directory;
    const std::string script = fmt::format("sleep 100 & echo $! >{}; wait", (directory / "child").string());
    REQUIRE(error_of([&] {
                output_of({"sh", "-c", script}, "", std::chrono::seconds(1));
            }) == "[process] sh was ended, not being done within 1 s");
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(50));
    const std::string child = read_file(directory / "child");
    // What is left of it is at most the entry that init has not yet taken. The kernel may need a moment to end it.
    const std::string process = child.substr(0, child.size() - 1);
    const std::string script_of_state = "for i in $(seq 500); do state=$(cut -d' ' -f3 /proc/" + process +
                                        "/stat 2>/dev/null || echo gone); case $state in Z | X | gone) break; esac; " +
                                        "sleep 0.02; done; echo $state";
    const std::string state = output_of({"sh", "-c", script_of_state}, "");
    REQUIRE((state == "Z\n" || state == "X\n" || state == "gone\n"));
    REQUIRE(error_of([] {
                output_of({"cat", "/dev/zero"}, "");
            }) == "[process] cat was ended, saying more than 256 MiB");
}

TEST_CASE("a signal that ends this program ends the one it called") {
    std::signal(SIGTERM, SIG_DFL);  // whoever runs the tests may have had it ignored
    const std::string raise = fmt::format("kill -TERM {}; sleep 100", getpid());
    REQUIRE_THROWS_AS(output_of({"sh", "-c", raise}, ""), EndedBySignal);
    REQUIRE(exit_interrupted() == 128 + SIGTERM);
}

TEST_CASE("an axis has an end whatever the numbers are") {
    if (gnuplot_missing()) return;
    const std::vector<double> extremes{5e-324, 1e-308, 1e-300, 1e-20, 1, 1e16, 1e16 + 2, 1e20, 1e300, 2.5e307, 1.7e308};
    std::vector<Figure> figures;
    for (const double a : extremes)
        for (const double b : extremes) {
            figures.push_back({.title = "y", .series = {{"s", {1, 2, 3}, {1, a, b}}}});
            figures.push_back({.title = "log y", .series = {{"s", {1, 2, 3}, {1, a, b}}}, .log_y = true});
            figures.push_back({.title = "below 0", .series = {{"s", {1, 2, 3}, {1, -a, b}}}, .from_zero = true});
            figures.push_back({.title = "x", .series = {{"s", {1, a, -b}, {1, 2, 3}}}, .integer_x = true});
        }
    figures.push_back({.title = "near", .series = {{"s", {1e16, 1e16 + 2}, {1e16, 1e16 + 2}}}, .integer_x = true});
    REQUIRE(svgs_of(figures).size() == figures.size());
    const LogTable log = log_of({{{"epoch", 1}, {"gradient_norm", 1.0}}, {{"epoch", 2}, {"gradient_norm", 2.5e307}}});
    REQUIRE(curves({{"run", log}}).size() == 1);
}

TEST_CASE("a figure has its texts as they are and a curve a series") {
    if (gnuplot_missing()) return;
    const std::string name = "a <b> & \"q\" it's \xc3\xbc `date` @x \\n";
    const std::string svg = svg_of({.title = "T_1",
                                    .x_label = "x",
                                    .y_label = "y^2",
                                    .series = {{name, {1, 2, 3}, {1, 2, 3}}, {"bad \xff\n", {1, 2}, {2, missing}}}});
    REQUIRE(contains(svg, "viewBox=\"0 0 480 "));
    REQUIRE(contains(svg, ">T_1</text>"));
    REQUIRE(contains(svg, ">y^2</text>"));
    REQUIRE(contains(svg, "a &lt;b> &amp; \"q\" it's \xc3\xbc `date` @x \\n</text>"));
    REQUIRE(contains(svg, "bad \xef\xbf\xbd "));
    REQUIRE(contains(svg, "rgb(  0, 114, 178)"));
    REQUIRE(contains(svg, "rgb(213,  94,   0)"));
}

TEST_CASE("several figures drawn at once are those drawn one by one") {
    if (gnuplot_missing()) return;
    const Figure one{.title = "<?xml", .series = {{"a", {1, 2}, {1, 2}}, {"b", {1, 2}, {2, 1}}}};
    const Figure two{.title = "T", .series = {{"c", {1, 2}, {1, 9}}}, .log_y = true, .integer_x = true};
    REQUIRE(svgs_of({one, two, one}) == std::vector<std::string>{svg_of(one), svg_of(two), svg_of(one)});
    REQUIRE(svgs_of({}).empty());
}

TEST_CASE("points that cannot be drawn are left out, and none at all is an error") {
    if (gnuplot_missing()) return;
    const auto figure = [](bool log_y, std::vector<double> y) {
        const std::vector<double> x{1, 2, 3};
        return Figure{"T", "", "", {{"s", x, std::move(y)}}, log_y, true};
    };
    REQUIRE(contains(svg_of(figure(false, {1, missing, 2})), "<svg"));
    REQUIRE(contains(svg_of(figure(false, {-1, INFINITY, missing})), "<svg"));
    REQUIRE(contains(svg_of(figure(true, {0, -1, 1e-30})), "<svg"));
    REQUIRE(contains(svg_of(figure(false, {0, 0, 0})), "<svg"));
    REQUIRE(error_of([&] { svg_of(figure(true, {0, -1, missing})); }) == "[plot] T: no point to draw");
    REQUIRE(error_of([&] { svg_of(figure(false, {1})); }) == "[plot] T: s has 3 values of x and 1 of y");
}

TEST_CASE("epochs have ticks at whole numbers only, and a narrow logarithmic axis has more than one") {
    if (gnuplot_missing()) return;
    Figure figure{"T", "", "", {{"s", {1, 2}, {0.4, 2.2}}}, true, true};
    const std::string svg = svg_of(figure);
    REQUIRE(!contains(svg, "<text>1.5</text>"));
    for (const std::string tick : {"1", "2", "0.5"}) {
        INFO(tick);
        REQUIRE(contains(svg, "<text>" + tick + "</text>"));
    }
}

TEST_CASE("an axis that begins at 0 shows it") {
    if (gnuplot_missing()) return;
    Figure figure{"T", "", "", {{"s", {1, 2}, {7, 8}}}};
    REQUIRE(!contains(svg_of(figure), "<text>0</text>"));
    figure.from_zero = true;
    REQUIRE(contains(svg_of(figure), "<text>0</text>"));
}

TEST_CASE("a spread is a bar that the axis has room for, and named places have their names") {
    if (gnuplot_missing()) return;
    Figure figure{"T", "", "", {{"s", {1, 2}, {5, 6}, {3, 1}}}};
    figure.x_names = {"first's, 10 %", "+ second %g"};
    const std::string svg = svg_of(figure);
    for (const std::string text : {"first's, 10 %", "+ second %g", "2", "8"}) {  // from 5 - 3 to 5 + 3
        INFO(text);
        REQUIRE(contains(svg, "<text>" + text + "</text>"));
    }
    figure.series[0].spread = {1};
    REQUIRE(error_of([&] { svg_of(figure); }) == "[plot] s has 2 values of y and 1 spreads");
    figure.series[0].spread = {9, missing};
    figure.log_y = true;
    REQUIRE(contains(svg_of(figure), "<svg"));
}

TEST_CASE("heat maps are pictures with sharp cells, one scale for all, and a photograph beside them") {
    if (gnuplot_missing()) return;
    Figure figure{.title = "it's", .y_label = "weight"};
    figure.maps = {{"photograph", 2, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9}, -1, true},
                   {"a <map>", 2, {0, 1, 2, missing, 3, 8}, 3},
                   {"another", 2, {4, 5, 6, 7}}};
    const std::string svg = svg_of(figure);
    REQUIRE(occurrences(svg, "<image ") >= 3);  // and the scale
    for (const std::string text : {"it's", "a &lt;map>", "another", "photograph", "weight", "8"}) {
        INFO(text);
        REQUIRE(contains(svg, text + "</text>"));
    }
    REQUIRE(contains(svg, "image-rendering:pixelated"));
    figure.maps[1].columns = 4;
    REQUIRE(error_of([&] { svg_of(figure); }) == "[plot] a <map>: 6 numbers are no two or more whole rows of 4");
    figure.maps = {{"empty", 2, {missing, missing, missing, missing}}};
    REQUIRE(error_of([&] { svg_of(figure); }) == "[plot] it's: no number to draw");
}

TEST_CASE("a figure is drawn into a file, and not without gnuplot") {
    const TemporaryDirectory directory;
    const Figure figure{.title = "T", .series = {{"s", {1, 2}, {1, 2}}}};
    {
        const Path empty(directory.path().string());
        REQUIRE_THROWS_AS(svg_of(figure), NotInstalled);
        REQUIRE(error_of([&] { draw(figure, directory / "t.svg"); }) ==
                "[plot] gnuplot is not installed; for figures: apt-get install gnuplot-nox");
    }
    REQUIRE(directory.entries() == 0);
    if (gnuplot_missing()) return;
    draw(figure, directory / "a 'b'.svg");
    REQUIRE(contains(contents_of(directory / "a 'b'.svg"), "</svg>"));
    REQUIRE(directory.entries() == 1);
}

TEST_CASE("one run's curves are training and validation, several runs' are one each") {
    const LogTable one = log_of({{{"epoch", 1}, {"train_loss", 2.0}, {"validation_loss", 2.5}, {"gradient_norm", 0}},
                                 {{"epoch", 2}, {"train_loss", nullptr}, {"validation_loss", 2.25}}});
    const auto alone = curves({{"a", one}});
    REQUIRE(alone.size() == 1);  // no accuracy, no rate, and of the norm nothing above 0
    REQUIRE(alone[0].file == "loss.svg");
    REQUIRE(alone[0].figure.title == "Loss");
    REQUIRE(alone[0].figure.series.size() == 2);
    REQUIRE(alone[0].figure.series[0].name == "training");
    REQUIRE(alone[0].figure.series[1].y == std::vector<double>{2.5, 2.25});
    REQUIRE(std::isnan(alone[0].figure.series[0].y[1]));

    const auto both = curves({{"a", one}, {"b", log_of({{{"epoch", 1}, {"train_loss", 1.0}}})}});
    REQUIRE(both[0].figure.title == "Loss, validation");
    REQUIRE(both[0].figure.series.size() == 2);
    REQUIRE(both[0].figure.series[0].name == "a");
    REQUIRE(both[0].figure.series[0].y == std::vector<double>{2.5, 2.25});
    REQUIRE(both[0].figure.series[1].name == "b (training)");
    REQUIRE(curves({}).empty());
}

TEST_CASE("curves say which loss is of smoothed targets, and what an axis counts") {
    const LogTable one = log_of(
        {{{"epoch", 1}, {"train_loss", 2.0}, {"train_accuracy", 1}, {"validation_loss", 2.5}, {"learning_rate", 0.5}}});
    const Series rates{"", {0.5, 1}, {0.25, 0.5}};
    const auto alone = curves({{.name = "a", .log = one, .rates = rates, .label_smoothing = 0.1}});
    REQUIRE(alone[0].figure.y_label == "cross entropy");
    REQUIRE(alone[0].figure.series[0].name == "training, smoothed by 0.1");
    REQUIRE(alone[0].figure.series[1].name == "validation, raw");
    REQUIRE(alone[1].figure.series[0].name == "training");
    REQUIRE(alone[2].figure.y_label == "of each step");
    REQUIRE(alone[2].figure.series[0].x == rates.x);
    REQUIRE(alone[2].figure.series[0].y == rates.y);
    const auto without = curves({{"a", one}});
    REQUIRE(without[0].figure.series[0].name == "training");
    REQUIRE(without[2].figure.y_label == "at the epoch's last step");
    if (gnuplot_missing()) return;
    REQUIRE(contains(svg_of(alone[0].figure), "cross entropy (log scale)"));
    REQUIRE_FALSE(contains(svg_of(alone[1].figure), "log scale"));
}
